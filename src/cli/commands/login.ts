import { Argument, type Command } from 'commander'
import { operations } from '../../api/index.ts'
import { usage } from '../failure.ts'
import { carryOut, describeSteps, thisMachine } from '../login/carry-out.ts'
import { keyring } from '../login/keyring.ts'
import { npm, yarn } from '../login/npm.ts'
import { pip, twine, uv } from '../login/pypi.ts'
import { hatch, pdm, pipenv, poetry } from '../login/python-projects.ts'
import type { Tool } from '../login/setup.ts'
import { parseDuration } from '../notation.ts'
import { DEFAULT_REPOSITORY, type Session } from '../session.ts'
import { examples } from './help.ts'
import { inDomain } from './repository.ts'

const TOOLS = {
  npm,
  pnpm: npm,
  yarn,
  bun: npm,
  pip,
  uv,
  twine,
  poetry,
  pdm,
  hatch,
  pipenv,
  keyring,
} as const satisfies Record<string, Tool>

type Options = {
  readonly domain: string
  readonly domainOwner?: string
  readonly repository: string
  readonly scope?: string
  readonly duration?: string
  readonly keyring?: boolean
  readonly dryRun?: boolean
}

export function addLogin(program: Command, session: Session): void {
  inDomain(program.command('login'))
    .summary('let a package manager use a repository')
    .description("Writes a package manager's own configuration, so that it uses a repository of the server.")
    .addArgument(
      new Argument('<tool>', "the package manager; keyring: Python's library of that name").choices(Object.keys(TOOLS)),
    )
    .option('--repository <name>', 'the repository', DEFAULT_REPOSITORY)
    .option('--scope <scope>', 'npm, pnpm, yarn and bun: only packages of this scope (@acme) come from it')
    .option('--duration <time>', 'how long the login lasts: 15m to 12h (default: 12h)')
    .option('--keyring', 'pip and uv: write no token; they ask `granary keyring` for one each time')
    .option('--dry-run', 'only show what would be done, with the token masked')
    .addHelpText(
      'after',
      examples(
        'granary login npm',
        'granary login pip --domain team --repository main --duration 1h',
        'granary login npm --scope @acme --dry-run',
        'granary login keyring',
      ),
    )
    .action((name: keyof typeof TOOLS, options: Options, command: Command) => login(session, name, options, command))
}

async function login(session: Session, name: keyof typeof TOOLS, options: Options, command: Command): Promise<void> {
  const tool: Tool = TOOLS[name]
  const scope = parseScope(tool, options.scope)
  const withoutToken = parseKeyring(tool, options)
  const duration = options.duration === undefined ? undefined : parseDuration(options.duration)
  const client = await session.client(command)
  const { domain, domainOwner, repository } = options
  const made = withoutToken
    ? null
    : await client.call(operations.getAuthorizationToken, { domain, domainOwner, duration })
  const { repositoryEndpoint } = await client.call(operations.getRepositoryEndpoint, {
    domain,
    domainOwner,
    repository,
    format: tool.format,
  })
  const registry = {
    endpoint: new URL(repositoryEndpoint),
    server: client.url,
    token: made?.authorizationToken ?? '',
    keyring: withoutToken,
    scope,
  }
  const steps = await tool.plan(registry, thisMachine(session.env))
  if (options.dryRun) {
    const described = await describeSteps(steps, registry.token)
    session.show(
      command,
      { tool: name, endpoint: repositoryEndpoint, steps: described.split('\n').filter(Boolean) },
      described,
    )
    return
  }
  const told = await carryOut(steps, session.env)
  const expires = made && new Date(made.expiration * 1000).toISOString()
  const people = [`Configured ${name} for ${repositoryEndpoint}`, ...told]
  if (expires) people.push(`The login expires at ${expires}`)
  session.show(command, { tool: name, endpoint: repositoryEndpoint, expires }, `${people.join('\n')}\n`)
}

function parseKeyring({ takesKeyring }: Tool, { keyring: asked = false, duration }: Options): boolean {
  if (asked && !takesKeyring)
    throw usage('Only pip and uv can call the program `keyring`; for others, see: granary login keyring')
  const withoutToken = asked || takesKeyring === 'only'
  if (withoutToken && duration !== undefined) throw usage('No token is made now: --duration has no meaning')
  return withoutToken
}

function parseScope(tool: Tool, given: string | undefined): string | null {
  if (given === undefined) return null
  if (!tool.takesScope) throw usage('Only package managers of npm know scopes')
  const scope = given.startsWith('@') ? given : `@${given}`
  if (/^@[\w.~-]+$/.test(scope)) return scope
  throw usage(`${given} is not a scope: write @acme`)
}
