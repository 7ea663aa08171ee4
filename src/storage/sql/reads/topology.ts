import type { Selectable } from 'kysely'
import type { Connection, Domain, Repository } from '../../../registry/model.ts'
import type { DomainName, RepositoryName } from '../../../registry/names.ts'
import type { TopologyReads } from '../../../registry/ports.ts'
import type { Database } from '../schema.ts'
import { mergeReads } from './merges.ts'
import type { Source } from './source.ts'

export function topologyReads({ executor, queries }: Source): TopologyReads {
  return {
    ...mergeReads({ executor, queries }),
    async findSetting(key) {
      const [row] = await executor.all(queries.selectFrom('settings').select('value').where('key', '=', key).compile())
      return row?.value
    },
    async listAccounts() {
      const rows = await executor.all(queries.selectFrom('accounts').selectAll().orderBy('id').compile())
      return rows.map((row) => ({ id: row.id, createdAt: row.created_at }))
    },
    async findAccount(id) {
      const [row] = await executor.all(queries.selectFrom('accounts').selectAll().where('id', '=', id).compile())
      return row && { id: row.id, createdAt: row.created_at }
    },
    async findDomain(name) {
      const [row] = await executor.all(queries.selectFrom('domains').selectAll().where('name', '=', name).compile())
      return row && domainOf(row)
    },
    async listDomains() {
      const rows = await executor.all(queries.selectFrom('domains').selectAll().orderBy('name').compile())
      return rows.map(domainOf)
    },
    async findRepository(domain, name) {
      const [repository] = await readRepositories({ executor, queries }, domain, name)
      return repository
    },
    listRepositories: (domain) => readRepositories({ executor, queries }, domain, null),
    async findConnection(name) {
      const [row] = await executor.all(queries.selectFrom('connections').selectAll().where('name', '=', name).compile())
      return row && connectionOf(row)
    },
    async listConnections() {
      const rows = await executor.all(queries.selectFrom('connections').selectAll().orderBy('name').compile())
      return rows.map(connectionOf)
    },
    async listRules(domain) {
      const rows = await executor.all(
        queries.selectFrom('rules').selectAll().where('domain', '=', domain).orderBy('id').compile(),
      )
      return rows.map((row) => ({
        id: row.id,
        domain: row.domain,
        repository: row.repository,
        rule: JSON.parse(row.rule),
      }))
    },
    async listResourcePolicies(domain) {
      // `local` sorts before `local/main`.
      const rows = await executor.all(
        queries.selectFrom('resource_policies').selectAll().where('domain', '=', domain).orderBy('resource').compile(),
      )
      return rows.map((row) => ({
        domain: row.domain,
        repository: row.repository,
        document: row.document,
        principals: JSON.parse(row.principals),
        revision: row.revision,
      }))
    },
  }
}

const domainOf = (row: Selectable<Database['domains']>): Domain => ({
  name: row.name,
  owner: row.owner,
  createdAt: row.created_at,
  reserved: JSON.parse(row.reserved),
})

const connectionOf = (row: Selectable<Database['connections']>): Connection => ({
  name: row.name,
  format: row.format,
  url: row.url,
  fileOrigins: JSON.parse(row.file_origins),
  credentials: row.credentials,
  builtIn: row.built_in === 1,
  enabled: row.enabled === 1,
  timeoutMs: row.timeout_ms,
  only: JSON.parse(row.only_names),
  except: JSON.parse(row.except_names),
})

/** One or all of a domain's repositories, by name, with what they draw from. */
async function readRepositories(
  { executor, queries }: Source,
  domain: DomainName,
  name: RepositoryName | null,
): Promise<readonly Repository[]> {
  let repositories = queries.selectFrom('repositories').selectAll().where('domain', '=', domain).orderBy('name')
  let upstreams = queries
    .selectFrom('repository_upstreams')
    .selectAll()
    .where('domain', '=', domain)
    .orderBy('position')
  let connections = queries
    .selectFrom('repository_connections')
    .selectAll()
    .where('domain', '=', domain)
    .orderBy('position')
  if (name !== null) {
    repositories = repositories.where('name', '=', name)
    upstreams = upstreams.where('repository', '=', name)
    connections = connections.where('repository', '=', name)
  }
  const [rows, upstreamRows, connectionRows] = await Promise.all([
    executor.all(repositories.compile()),
    executor.all(upstreams.compile()),
    executor.all(connections.compile()),
  ])
  const upstreamsOf = Map.groupBy(upstreamRows, (row) => row.repository)
  const connectionsOf = Map.groupBy(connectionRows, (row) => row.repository)
  return rows.map((row) => ({
    domain: row.domain,
    name: row.name,
    administrator: row.administrator,
    description: row.description,
    createdAt: row.created_at,
    ...(row.withdrawn !== 'serve' && { withdrawn: row.withdrawn }),
    upstreams: (upstreamsOf.get(row.name) ?? []).map(({ upstream }) => upstream),
    connections: (connectionsOf.get(row.name) ?? []).map(({ connection }) => connection),
  }))
}
