import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import type { Client } from '../client.ts'
import { readDocument } from '../document.ts'
import { usage } from '../failure.ts'
import { parsePackage, repeated, splitName } from '../notation.ts'
import { facts } from '../output.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'
import { inDomain } from './repository.ts'

type Where = { readonly domain: string; readonly domainOwner?: string; readonly repository?: string }
type Options = Where & {
  readonly principal?: string
  readonly action: string
  readonly resource: readonly string[]
  readonly context?: readonly string[]
  readonly sessionPolicy?: string
}
type Explained = OutputOf<typeof operations.explainPolicy>

export function addExplain(parent: Command, session: Session): void {
  inDomain(parent.command('explain'))
    .description('Tells whether somebody may do something, and which statement of which policy says so.')
    .option('--principal <arn>', 'the ARN of a user, a role or a session of a role, or `anonymous` (default: yourself)')
    .requiredOption('--action <action>', 'what they want to do: codeartifact:ReadFromRepository')
    .requiredOption(
      '--resource <resource...>',
      "to what: an ARN, '*', `domain`, `repository NAME` or `package FORMAT:NAME` (in --domain and --repository)",
    )
    .option('--repository <name>', 'the repository of the package')
    .option(
      '--context <key=value>',
      'what conditions look at, such as aws:SourceIp=203.0.113.7; may be repeated',
      repeated,
    )
    .option('--session-policy <json>', 'what the session of the role is cut down to, or @FILE')
    .addHelpText(
      'after',
      examples(
        'granary policy explain --principal arn:aws:iam::222233334444:user/bob --action ReadFromRepository --resource repository main',
        'granary policy explain --principal anonymous --action codeartifact:ReadFromRepository \\\n' +
          '      --resource arn:aws:codeartifact:us-east-1:111122223333:repository/team/main --context aws:SourceIp=203.0.113.7',
        'granary policy explain --action PublishPackageVersion --resource package npm:@acme/hello --repository main',
      ),
    )
    .action(async (options: Options, command: Command) => {
      const client = await session.client(command)
      const asked = {
        principal: options.principal ?? (await client.call(operations.whoAmI, {})).arn,
        action: options.action.includes(':') ? options.action : `codeartifact:${options.action}`,
        resource: await resourceOf(client, options),
      }
      const explained = await client.call(operations.explainPolicy, {
        ...asked,
        context: contextOf(options.context ?? []),
        sessionPolicy: options.sessionPolicy && (await readDocument(options.sessionPolicy, '--session-policy')),
      })
      session.show(command, explained, describe(explained, asked))
    })
}

/** The region is left empty: it is the server's. */
async function resourceOf(client: Client, { resource, repository, ...where }: Options): Promise<string> {
  const [what = '', name] = resource
  if (resource.length === 1 && (what === '*' || what.startsWith('arn:'))) return what
  const arn = async (path: string) =>
    `arn:aws:codeartifact::${await accountOf(client, where.domainOwner)}:${what}/${where.domain}${path}`
  if (what === 'domain' && name === undefined) return arn('')
  if (what === 'repository' && name !== undefined && resource.length === 2) return arn(`/${name}`)
  if (what === 'package' && name !== undefined && resource.length === 2) {
    if (repository === undefined) throw usage('A package is in a --repository')
    const { format, name: written } = parsePackage(name)
    const parts = splitName(written)
    return arn(`/${repository}/${format}/${parts.namespace ?? ''}/${parts.package}`)
  }
  throw usage(
    `--resource is an ARN, *, domain, repository NAME or package FORMAT:NAME; ${resource.join(' ')} is none of these`,
  )
}

function contextOf(pairs: readonly string[]): Record<string, string[]> | undefined {
  if (pairs.length === 0) return undefined
  const context: Record<string, string[]> = {}
  for (const pair of pairs) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
    if (key === undefined || value === undefined) throw usage(`--context is KEY=VALUE; ${pair} is not`)
    const values = (context[key] ??= [])
    values.push(value)
  }
  return context
}

const describe = (
  { allowed, reason, decidedBy, errors, considered }: Explained,
  { principal, action, resource }: { readonly principal: string; readonly action: string; readonly resource: string },
): string =>
  `${allowed ? 'ALLOWED' : 'DENIED'}\n` +
  facts([
    ['Principal', principal],
    ['Action', action],
    ['Resource', resource],
    ['Because', reason],
    ['Statement', decidedBy && statement(decidedBy)],
    ['Not evaluated', errors.map(statement).join('; ')],
    ['Looked at', considered.map(({ side, policy }) => `${policy} (${side})`).join(', ') || 'no policy'],
  ])

const statement = (found: NonNullable<Explained['decidedBy']>): string =>
  `${typeof found.statement === 'number' ? `number ${found.statement + 1}` : found.statement} of ${found.policy} (${found.side})`
