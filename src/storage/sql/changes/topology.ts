import { RegistryError } from '../../../registry/errors.ts'
import type { Connection, Repository } from '../../../registry/model.ts'
import type { DomainName, RepositoryName } from '../../../registry/names.ts'
import { statement, type Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'
import { releaseBlobs } from './blobs.ts'
import { forgetIndexesOf } from './indexes.ts'
import { conflict, exists, missing, type Plans } from './plan.ts'

export const topologyChanges: Plans<
  | 'create-domain'
  | 'delete-domain'
  | 'set-reserved-prefixes'
  | 'create-repository'
  | 'set-repository'
  | 'set-repository-settings'
  | 'delete-repository'
  | 'create-connection'
  | 'set-connection'
  | 'delete-connection'
  | 'create-rule'
  | 'delete-rule'
> = {
  'create-domain': {
    moves: 'topology',
    statements: (queries, { domain }) => [
      statement(
        queries.insertInto('domains').values({
          name: domain.name,
          owner: domain.owner,
          created_at: domain.createdAt,
          reserved: JSON.stringify(domain.reserved),
        }),
        {
          duplicate: exists('The domain', domain.name, 'domain'),
          reference: missing('The account', domain.owner),
        },
      ),
    ],
  },
  'delete-domain': {
    moves: 'topology',
    statements: (queries, { domain }) => [
      statement(queries.deleteFrom('domains').where('name', '=', domain), {
        none: missing('The domain', domain, 'domain'),
        reference: conflict(`The domain ${domain} still has repositories`, domain, 'domain'),
      }),
    ],
  },
  'set-reserved-prefixes': {
    moves: 'topology',
    statements: (queries, { domain, reserved }) => [
      statement(
        queries
          .updateTable('domains')
          .set({ reserved: JSON.stringify(reserved) })
          .where('name', '=', domain),
        { none: missing('The domain', domain, 'domain') },
      ),
    ],
  },
  'create-repository': {
    moves: 'topology',
    statements: (queries, { repository }) => [
      statement(
        queries.insertInto('repositories').values({
          domain: repository.domain,
          name: repository.name,
          administrator: repository.administrator,
          description: repository.description,
          created_at: repository.createdAt,
          ...(repository.withdrawn && { withdrawn: repository.withdrawn }),
        }),
        {
          duplicate: exists('The repository', repository.name, 'repository'),
          reference: missing('The domain', repository.domain, 'domain'),
        },
      ),
      ...sourcesOf(queries, repository),
    ],
  },
  'set-repository': {
    moves: 'topology',
    statements: (queries, { repository, plannedAt }) => {
      const { domain, name, description } = repository
      return [
        ...(plannedAt === undefined ? [] : [topologyIsStill(queries, plannedAt)]),
        statement(
          queries
            .updateTable('repositories')
            .set({ description })
            .where('domain', '=', domain)
            .where('name', '=', name),
          { none: missing('The repository', name, 'repository') },
        ),
        statement(
          queries.deleteFrom('repository_upstreams').where('domain', '=', domain).where('repository', '=', name),
        ),
        statement(
          queries.deleteFrom('repository_connections').where('domain', '=', domain).where('repository', '=', name),
        ),
        ...sourcesOf(queries, repository),
      ]
    },
  },
  'set-repository-settings': {
    moves: 'topology',
    statements: (queries, { domain, repository, withdrawn }) => [
      statement(
        queries
          .updateTable('repositories')
          .set({ withdrawn })
          .where('domain', '=', domain)
          .where('name', '=', repository),
        { none: missing('The repository', repository, 'repository') },
      ),
    ],
  },
  'delete-repository': {
    moves: 'topology',
    statements: (queries, { domain, repository }, now) => [
      ...blobsOf(queries, domain, repository).map((blobs) => releaseBlobs(queries, blobs, now)),
      statement(queries.deleteFrom('repositories').where('domain', '=', domain).where('name', '=', repository), {
        none: missing('The repository', repository, 'repository'),
        reference: conflict(`The repository ${repository} is still an upstream of others`, repository, 'repository'),
      }),
    ],
  },
  'create-connection': {
    moves: 'topology',
    statements: (queries, { connection }, now) => [
      statement(
        queries.insertInto('connections').values({
          name: connection.name,
          format: connection.format,
          built_in: connection.builtIn ? 1 : 0,
          ...columnsOf(connection),
        }),
        { duplicate: exists('The connection', connection.name) },
      ),
      // What an earlier connection of the name said is another registry's word.
      ...forgetIndexesOf(queries, connection.name, now),
    ],
  },
  'set-connection': {
    moves: 'topology',
    statements: (queries, { connection, leadsElsewhere, plannedAt }, now) => [
      topologyIsStill(queries, plannedAt),
      ...(leadsElsewhere ? forgetIndexesOf(queries, connection.name, now) : []),
      statement(queries.updateTable('connections').set(columnsOf(connection)).where('name', '=', connection.name), {
        none: missing('The connection', connection.name),
      }),
    ],
  },
  'delete-connection': {
    moves: 'topology',
    statements: (queries, { connection }) => [
      statement(queries.deleteFrom('connections').where('name', '=', connection), {
        none: missing('The connection', connection),
        reference: conflict(`The connection ${connection} is still used by repositories`, connection),
      }),
    ],
  },
  'create-rule': {
    moves: 'topology',
    statements: (queries, { rule }) => [
      statement(
        queries.insertInto('rules').values({
          domain: rule.domain as Repository['domain'],
          id: rule.id,
          repository: rule.repository as Repository['name'] | null,
          rule: JSON.stringify(rule.rule),
        }),
        {
          duplicate: exists('The rule', rule.id),
          reference:
            rule.repository === null
              ? missing('The domain', rule.domain, 'domain')
              : missing('The repository', rule.repository, 'repository'),
        },
      ),
    ],
  },
  'delete-rule': {
    moves: 'topology',
    statements: (queries, { domain, id }) => [
      statement(queries.deleteFrom('rules').where('domain', '=', domain).where('id', '=', id), {
        none: missing('The rule', id),
      }),
    ],
  },
}

const blobsOf = (queries: Queries, domain: DomainName, repository: RepositoryName) => {
  const assets = queries.selectFrom('assets').where((eb) => eb.and({ domain, repository }))
  return [assets.select('sha256'), assets.select('side_car_sha256 as sha256')] as const
}

/** The commit itself has moved the counter by one before this is looked at. */
export const topologyIsStill = (queries: Queries, counter: number): Statement =>
  statement(
    queries
      .selectFrom('topology_counter')
      .select('revision')
      .where('revision', '=', counter + 1),
    { none: () => new RegistryError('busy', 'Something else was changed at the same moment; try again') },
  )

/** Where a repository draws from, in its order. */
function sourcesOf(queries: Queries, { domain, name, upstreams, connections }: Repository): Statement[] {
  return [
    ...upstreams.map((upstream, position) =>
      statement(queries.insertInto('repository_upstreams').values({ domain, repository: name, position, upstream }), {
        duplicate: exists('The upstream', upstream, 'repository'),
        reference: missing('The repository', upstream, 'repository'),
      }),
    ),
    ...connections.map((connection, position) =>
      statement(
        queries.insertInto('repository_connections').values({ domain, repository: name, position, connection }),
        { duplicate: exists('The connection', connection), reference: missing('The connection', connection) },
      ),
    ),
  ]
}

const columnsOf = (connection: Connection) => ({
  url: connection.url,
  file_origins: JSON.stringify(connection.fileOrigins),
  credentials: connection.credentials,
  enabled: connection.enabled ? (1 as const) : (0 as const),
  timeout_ms: connection.timeoutMs,
  only_names: JSON.stringify(connection.only),
  except_names: JSON.stringify(connection.except),
})
