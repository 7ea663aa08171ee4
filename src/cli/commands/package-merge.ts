import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { usage } from '../failure.ts'
import { parsePackage, splitName } from '../notation.ts'
import { facts } from '../output.ts'
import { DEFAULT_REPOSITORY, type Session } from '../session.ts'
import { examples } from './help.ts'
import { inDomain } from './repository.ts'

type Options = {
  readonly domain: string
  readonly domainOwner?: string
  readonly repository: string
  readonly mode?: string
}

const MODES = ['never', 'extra-wheels', 'all'] as const

function parseMode(text: string): (typeof MODES)[number] {
  const mode = MODES.find((known) => known === text)
  if (mode) return mode
  throw usage(`--mode is ${MODES.join(', ')}, not ${text}`)
}

export function addMerge(parent: Command, session: Session): void {
  inDomain(parent.command('merge <package>'))
    .description('Shows whether the sources of a package are merged, or decides it. The package need not exist yet.')
    .option('--repository <name>', 'the repository', DEFAULT_REPOSITORY)
    .option(
      '--mode <mode>',
      'never: one source has all of it. extra-wheels: others add wheels for machines that it has none for. all: every file of every source',
    )
    .addHelpText(
      'after',
      examples('granary package merge pypi:numpy', 'granary package merge pypi:numpy --mode extra-wheels'),
    )
    .action(async (text: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const { format, name } = parsePackage(text)
      const { domain, domainOwner, repository } = options
      const at = { domain, domainOwner, repository, format, ...splitName(name) }
      const merge =
        options.mode === undefined
          ? await client.call(operations.getPackageMerge, at)
          : await client.call(operations.putPackageMerge, { ...at, mode: parseMode(options.mode) })
      const { mode, setIn, asksUpstreams } = merge
      const known = facts([
        ['Package', text],
        ['Sources', mode === 'never' ? 'not merged' : `merged: ${mode}`],
        ['Said by', setIn],
        ['Upstreams', mode === 'never' ? null : asksUpstreams ? TOLD : NOT_TOLD],
      ])
      session.show(command, merge, known)
    })
}

const TOLD = 'every connection along the way is told the name, also of a package that is published here'
const NOT_TOLD =
  'none is asked: the name is reserved, or its origin controls say BLOCK, so nothing is merged (granary package origin)'
