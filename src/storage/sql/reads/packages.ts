import type { Selectable } from 'kysely'
import { RegistryError } from '../../../registry/errors.ts'
import type { Asset, Departure, Package, PackageVersion } from '../../../registry/model.ts'
import type { ConnectionName, DomainName, FormatId, PackageKey, RepositoryName } from '../../../registry/names.ts'
import type { PackageReads } from '../../../registry/ports.ts'
import type { Database } from '../schema.ts'
import { heldFileReads } from './held-files.ts'
import { revisionReader } from './revision.ts'
import { writtenOnce } from '../written-once.ts'
import type { Source } from './source.ts'

type VersionRow = Selectable<Database['versions']>
type AssetRow = Omit<Selectable<Database['assets']>, 'origin'>

const ASSET_COLUMNS = [
  'assets.file',
  'assets.size',
  'assets.sha256',
  'assets.sha512',
  'assets.sha1',
  'assets.md5',
  'assets.blake2b',
  'assets.created_at as asset_created_at',
  'assets.path',
  'assets.side_car_sha256',
  'assets.side_car_size',
  'assets.metadata as asset_metadata',
  'assets.departure',
  'assets.entry_point as asset_entry_point',
] as const

type OfName = { readonly domain: DomainName; readonly format: FormatId; readonly key: PackageKey }
type InRepositories = OfName & { readonly repositories: readonly RepositoryName[] }

const ofName = ({ domain, format, key }: OfName) => ({ domain, format, package: key })

// What each request may ask, where nothing is remembered yet. Callers have no empty list of repositories.

const selectName = writtenOnce((queries, of: OfName) =>
  queries
    .selectFrom('names')
    .selectAll()
    .where((eb) => eb.and(ofName(of))),
)

// Found by name, then read by key: SQLite takes the key alone for the better index, and would look at all packages of the domain.
const selectPackages = writtenOnce((queries, of: OfName) =>
  queries
    .selectFrom('packages')
    .selectAll()
    .where((eb) => eb.and(ofName(of)))
    .where('repository', 'in', (eb) =>
      eb
        .selectFrom('packages')
        .select('repository')
        .where((named) => named.and(ofName(of))),
    )
    .orderBy('repository'),
)

const selectTags = writtenOnce((queries, { repositories, ...of }: InRepositories) =>
  queries
    .selectFrom('tags')
    .select(['repository', 'tag', 'version'])
    .where((eb) => eb.and(ofName(of)))
    .where('repository', 'in', repositories)
    .orderBy('tag'),
)

const selectVersions = writtenOnce((queries, { repositories, ...of }: InRepositories) =>
  queries
    .selectFrom('versions')
    .selectAll()
    .where((eb) => eb.and(ofName(of)))
    .where('repository', 'in', repositories)
    .orderBy('created_at')
    .orderBy('version'),
)

const selectAssets = writtenOnce((queries, { repositories, ...of }: InRepositories) =>
  queries
    .selectFrom('assets')
    .selectAll()
    .where((eb) => eb.and(ofName(of)))
    .where('repository', 'in', repositories)
    .orderBy('created_at')
    .orderBy('file'),
)

const selectAsset = writtenOnce(
  (queries, { domain, format, key, file, repositories }: InRepositories & { readonly file: string }) =>
    queries
      .selectFrom('assets')
      .innerJoin('versions', (join) =>
        join
          .onRef('versions.domain', '=', 'assets.domain')
          .onRef('versions.repository', '=', 'assets.repository')
          .onRef('versions.format', '=', 'assets.format')
          .onRef('versions.package', '=', 'assets.package')
          .onRef('versions.version', '=', 'assets.version'),
      )
      .selectAll('versions')
      .select(ASSET_COLUMNS)
      .where((eb) =>
        eb.and({ 'assets.domain': domain, 'assets.format': format, 'assets.package': key, 'assets.file': file }),
      )
      .where('assets.repository', 'in', repositories)
      .orderBy('versions.created_at')
      .orderBy('versions.version'),
)

// Domain by domain: there are few, and a package is found by its name only where its domain is known.
const selectHolders = writtenOnce((queries, { format, key }: Omit<OfName, 'domain'>) =>
  queries
    .selectFrom('packages')
    .innerJoin('domains', 'domains.name', 'packages.domain')
    .select(['packages.domain', 'packages.repository', 'domains.owner'])
    .where('packages.domain', 'in', (eb) => eb.selectFrom('domains').select('domains.name'))
    .where((eb) => eb.and({ 'packages.format': format, 'packages.package': key }))
    .orderBy('packages.domain')
    .orderBy('packages.repository'),
)

/** Sorts after everything that a prefix can be continued with. */
const AFTER_ALL = '\u{10FFFF}'

export function packageReads(source: Source): PackageReads {
  const { executor, queries } = source
  return {
    readRevision: revisionReader(executor),
    ...heldFileReads(executor),
    async findName(domain, format, key) {
      const [row] = await executor.all(selectName(queries, { domain, format, key }))
      return row && { domain, format, key, owned: row.owned === 1, ingested: row.ingested === 1 }
    },
    async findPackages(domain, format, key) {
      const rows = await executor.all(selectPackages(queries, { domain, format, key }))
      return rows.map(packageOf)
    },
    listVersions: (...of) => readVersions(source, ...of),
    async listTags(domain, repositories, format, key) {
      if (repositories.length === 0) return []
      const rows = await executor.all(selectTags(queries, { domain, repositories, format, key }))
      return inOrderOf(repositories, rows)
    },
    findAsset: (...of) => findAsset(source, ...of),
    listRetained: (...of) => listRetained(source, ...of),
    listPackages: (...of) => listPackages(source, ...of),
  }
}

/** Stable: what one repository holds stays in its order. */
function inOrderOf<T extends { repository: RepositoryName }>(
  repositories: readonly RepositoryName[],
  rows: readonly T[],
): T[] {
  const place = new Map(repositories.map((repository, index) => [repository, index]))
  return rows.toSorted((a, b) => (place.get(a.repository) ?? 0) - (place.get(b.repository) ?? 0))
}

async function readVersions(
  { executor, queries }: Source,
  domain: DomainName,
  repositories: readonly RepositoryName[],
  format: FormatId,
  key: PackageKey,
): Promise<readonly PackageVersion[]> {
  if (repositories.length === 0) return []
  // Versions first: a version that is found has all the assets of its own commit in the second answer.
  const of = { domain, repositories, format, key }
  const versions = await executor.all(selectVersions(queries, of))
  if (versions.length === 0) return []
  const assets = await executor.all(selectAssets(queries, of))
  const assetsOf = Map.groupBy(assets, (row) => `${row.repository}/${row.version}`)
  return inOrderOf(repositories, versions).map((row) => ({
    ...versionOf(row),
    assets: (assetsOf.get(`${row.repository}/${row.version}`) ?? []).map(assetOf),
  }))
}

async function findAsset(
  { executor, queries }: Source,
  domain: DomainName,
  repositories: readonly RepositoryName[],
  format: FormatId,
  key: PackageKey,
  file: string,
  from?: ConnectionName,
) {
  if (repositories.length === 0) return undefined
  const rows = await executor.all(selectAsset(queries, { domain, repositories, format, key, file }))
  const inOrder = inOrderOf(repositories, rows)
  const isFrom = (row: (typeof rows)[number]) =>
    row.origin === 'EXTERNAL' && (row.asset_entry_point ?? row.entry_point) === from
  const row =
    from === undefined
      ? (inOrder.find(({ origin }) => origin === 'INTERNAL') ?? inOrder[0])
      : inOrder.find((each) => isFrom(each))
  if (!row) return undefined
  const { asset_created_at: created_at, asset_metadata: metadata, asset_entry_point: entry_point } = row
  const asset = assetOf({ ...row, created_at, metadata, entry_point })
  return { version: versionOf(row), asset }
}

async function listRetained(source: Source, connection: ConnectionName, format: FormatId, key: PackageKey) {
  const { executor, queries } = source
  const holders = await executor.all(selectHolders(queries, { format, key }))
  const inDomains = [...Map.groupBy(holders, ({ domain }) => domain)].map(async ([domain, rows]) => {
    const owner = (rows[0] as (typeof rows)[number]).owner
    const repositories = rows.map(({ repository }) => repository)
    const versions = await readVersions(source, domain, repositories, format, key)
    return versions
      .filter(({ origin }) => origin === 'EXTERNAL')
      .map((version) => ({ ...version, assets: version.assets.filter(isFrom(version, connection)) }))
      .filter(({ assets }) => assets.length > 0)
      .map((version) => ({ owner, version }))
  })
  return (await Promise.all(inDomains)).flat()
}

const isFrom =
  ({ entryPoint }: PackageVersion, connection: ConnectionName) =>
  (asset: Asset): boolean =>
    (asset.entryPoint ?? entryPoint) === connection

async function listPackages(
  { executor, queries }: Source,
  domain: DomainName,
  repository: RepositoryName,
  { format, prefix = '', limit, after }: { format?: FormatId; prefix?: string; limit: number; after?: string },
) {
  let query = queries
    .selectFrom('packages')
    .selectAll()
    .where((eb) => eb.and({ domain, repository }))
    .orderBy('format')
    .orderBy('package')
    .limit(limit + 1)
  if (format !== undefined) query = query.where('format', '=', format)
  if (prefix !== '') {
    query = query
      .where('package', '>=', prefix as PackageKey)
      .where('package', '<', `${prefix}${AFTER_ALL}` as PackageKey)
  }
  if (after !== undefined) {
    const [afterFormat, afterKey] = parsePosition(after)
    query = query.where((eb) => eb(eb.refTuple('format', 'package'), '>', eb.tuple(afterFormat, afterKey)))
  }
  const rows = await executor.all(query.compile())
  const items = rows.slice(0, limit).map(packageOf)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last ? `${last.format}/${last.key}` : null }
}

/** Where a page ended: `<format>/<key>`. */
function parsePosition(after: string): [FormatId, PackageKey] {
  const slash = after.indexOf('/')
  if (slash < 0) throw new RegistryError('invalid', 'The token for the next page was not made here')
  return [after.slice(0, slash) as FormatId, after.slice(slash + 1) as PackageKey]
}

const packageOf = (row: Selectable<Database['packages']>): Package => ({
  domain: row.domain,
  repository: row.repository,
  format: row.format,
  key: row.package,
  origin: { publish: row.publish, upstream: row.upstream },
  originIsExplicit: row.origin_is_explicit === 1,
})

const versionOf = (row: VersionRow): Omit<PackageVersion, 'assets'> => ({
  domain: row.domain,
  repository: row.repository,
  format: row.format,
  key: row.package,
  version: row.version,
  status: row.status,
  revision: row.revision,
  origin: row.origin,
  entryPoint: row.entry_point,
  createdAt: row.created_at,
  publishedAt: row.published_at,
  license: row.license,
  metadata: row.metadata,
})

const assetOf = (row: Omit<AssetRow, 'domain' | 'repository' | 'format' | 'package' | 'version'>): Asset => ({
  file: row.file,
  size: row.size,
  digests: {
    sha256: row.sha256,
    ...(row.sha512 !== null && { sha512: row.sha512 }),
    ...(row.sha1 !== null && { sha1: row.sha1 }),
    ...(row.md5 !== null && { md5: row.md5 }),
    ...(row.blake2b !== null && { blake2b: row.blake2b }),
  },
  createdAt: row.created_at,
  path: row.path,
  sideCar:
    row.side_car_sha256 === null || row.side_car_size === null
      ? null
      : { sha256: row.side_car_sha256, size: row.side_car_size },
  metadata: row.metadata,
  ...(row.departure !== null && { departure: JSON.parse(row.departure) as Departure }),
  ...(row.entry_point !== null && { entryPoint: row.entry_point }),
})
