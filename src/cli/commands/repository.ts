import { Option, type Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import type { Client } from '../client.ts'
import { usage } from '../failure.ts'
import { repeated } from '../notation.ts'
import { facts, table } from '../output.ts'
import { allPages } from '../pages.ts'
import { DEFAULT_DOMAIN, type Session } from '../session.ts'
import { examples } from './help.ts'

type Where = { readonly domain: string; readonly domainOwner?: string }
type Repository = OutputOf<typeof operations.describeRepository>['repository']

/** The options that say which domain a command works in. */
export const inDomain = (command: Command): Command =>
  command
    .option('--domain <name>', 'the domain', DEFAULT_DOMAIN)
    .option('--domain-owner <account>', 'the account that owns the domain, if it is not yours')

export function addRepository(program: Command, session: Session): void {
  const repository = program
    .command('repository')
    .description('Repositories: places to install from and publish to. One holds packages of every format.')
  addCreate(repository, session)
  addUpdate(repository, session)
  addList(repository, session)
  addSettings(repository, session)

  inDomain(repository.command('delete <name>'))
    .description('Deletes a repository with its packages.')
    .addHelpText('after', examples('granary repository delete staging --domain team'))
    .action(async (name: string, options: Where, command: Command) => {
      const client = await session.client(command)
      const gone = await client.call(operations.deleteRepository, { ...where(options), repository: name })
      session.show(command, gone.repository, `Deleted ${gone.repository.arn}\n`)
    })
}

const where = ({ domain, domainOwner }: Where) => ({ domain, domainOwner })

type CreateOptions = Where & {
  readonly description?: string
  readonly upstream?: readonly string[]
  readonly connection?: readonly string[]
}

function addCreate(parent: Command, session: Session): void {
  inDomain(parent.command('create <name>'))
    .description('Makes a repository.')
    .option('--description <text>', 'what it is for')
    .option('--upstream <repository>', 'a repository to search next; may be repeated, in order', repeated)
    .option(
      '--connection <name>',
      'a connection to draw from (public:npmjs, public:pypi, …); may be repeated',
      repeated,
    )
    .addHelpText(
      'after',
      examples(
        'granary repository create main --upstream npm-store --upstream pypi-store',
        'granary repository create npm-store --domain team --connection public:npmjs',
      ),
    )
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const client = await session.client(command)
      const at = { ...where(options), repository: name }
      const made = await client.call(operations.createRepository, {
        ...at,
        description: options.description,
        upstreams: options.upstream?.map((repositoryName) => ({ repositoryName })),
      })
      const connected = await associate(client, at, options.connection ?? [])
      const result = connected ?? made.repository
      session.show(command, result, describe(result))
    })
}

type UpdateOptions = Where & {
  readonly description?: string
  /** false: `--no-upstream`. */
  readonly upstream?: readonly string[] | false
  readonly addConnection?: readonly string[]
  readonly removeConnection?: readonly string[]
}

function addUpdate(parent: Command, session: Session): void {
  inDomain(parent.command('update <name>'))
    .description('Changes a repository. What is not named stays as it is.')
    .option('--description <text>', 'what it is for')
    .option('--upstream <repository>', 'replaces the upstreams; may be repeated, in order', repeated)
    .option('--no-upstream', 'removes all upstreams')
    .option('--add-connection <name>', 'a further connection to draw from; may be repeated', repeated)
    .option('--remove-connection <name>', 'a connection to draw from no more; may be repeated', repeated)
    .addHelpText(
      'after',
      examples(
        'granary repository update main --upstream npm-store --upstream private-store',
        'granary repository update npm-store --add-connection private:partner',
      ),
    )
    .action(async (name: string, options: UpdateOptions, command: Command) => {
      const client = await session.client(command)
      const at = { ...where(options), repository: name }
      const upstreams = options.upstream === false ? [] : options.upstream
      const { description, addConnection = [], removeConnection = [] } = options
      let result: Repository | null = null
      if (description !== undefined || upstreams !== undefined) {
        const upstreamNames = upstreams?.map((repositoryName) => ({ repositoryName }))
        const changed = await client.call(operations.updateRepository, { ...at, description, upstreams: upstreamNames })
        result = changed.repository
      }
      for (const externalConnection of removeConnection) {
        result = (await client.call(operations.disassociateExternalConnection, { ...at, externalConnection }))
          .repository
      }
      result = (await associate(client, at, addConnection)) ?? result
      if (!result) throw usage('Say what to change: --description, --upstream, --add-connection or --remove-connection')
      session.show(command, result, describe(result))
    })
}

async function associate(
  client: Client,
  at: { readonly domain: string; readonly domainOwner: string | undefined; readonly repository: string },
  connections: readonly string[],
): Promise<Repository | null> {
  let last: Repository | null = null
  for (const externalConnection of connections) {
    last = (await client.call(operations.associateExternalConnection, { ...at, externalConnection })).repository
  }
  return last
}

function addList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('Lists the repositories of your account, or those of one domain.')
    .option('--domain <name>', 'those of this domain only')
    .option('--domain-owner <account>', 'the account that owns the domain, if it is not yours')
    .addHelpText('after', examples('granary repository list', 'granary repository list --domain team'))
    .action(async (options: Partial<Where>, command: Command) => {
      const client = await session.client(command)
      const { domain, domainOwner } = options
      const repositories = await allPages(
        (nextToken) =>
          domain === undefined
            ? client.call(operations.listRepositories, { nextToken })
            : client.call(operations.listRepositoriesInDomain, { domain, domainOwner, nextToken }),
        (page) => page.repositories,
      )
      const rows = table(
        repositories,
        [
          ['DOMAIN', ({ domainName }) => domainName],
          ['NAME', ({ name }) => name],
          ['DESCRIPTION', ({ description }) => description],
        ],
        'There are no repositories.',
      )
      session.show(command, repositories, rows)
    })
}

type SettingsOptions = Where & { readonly withdrawn?: 'serve' | 'hold' }

function addSettings(parent: Command, session: Session): void {
  inDomain(parent.command('settings <name>'))
    .description('Shows the settings of a repository, or changes them.')
    .addOption(
      new Option('--withdrawn <what>', 'what becomes of fetched versions that their upstream withdrew').choices([
        'serve',
        'hold',
      ]),
    )
    .addHelpText(
      'after',
      examples('granary repository settings main', 'granary repository settings main --withdrawn hold'),
    )
    .action(async (repository: string, { domain, domainOwner, withdrawn }: SettingsOptions, command: Command) => {
      const client = await session.client(command)
      const at = { domain, domainOwner, repository }
      const settings =
        withdrawn === undefined
          ? await client.call(operations.getRepositorySettings, at)
          : await client.call(operations.putRepositorySettings, { ...at, withdrawn })
      session.show(command, settings, facts([['Withdrawn versions', settings.withdrawn]]))
    })
}

const describe = (repository: Repository): string =>
  facts([
    ['ARN', repository.arn],
    ['Description', repository.description],
    ['Upstreams', repository.upstreams.map(({ repositoryName }) => repositoryName).join(', ')],
    [
      'Connections',
      repository.externalConnections.map(({ externalConnectionName }) => externalConnectionName).join(', '),
    ],
  ])
