import type { PackageAt, VersionAt } from '../../../registry/changes.ts'
import type { Asset, PackageVersion } from '../../../registry/model.ts'
import type { Insertable } from 'kysely'
import { packageNameOfKey, displayName } from '../../../registry/names.ts'
import { statement, type Refusals, type Statement } from '../executor.ts'
import type { Database, Queries } from '../schema.ts'
import { writtenOnce } from '../written-once.ts'
import { registerBlob } from './blobs.ts'
import { conflict, exists, missing, type PackageCounter, type Plans } from './plan.ts'

type NameAt = Pick<PackageAt, 'domain' | 'format' | 'key'>

const shown = ({ format, key }: NameAt): string => displayName(packageNameOfKey(format, key))
const shownVersion = (at: VersionAt): string => `${shown(at)} ${at.version}`

const ofName = ({ domain, format, key }: NameAt) => ({ domain, format, package: key })
const ofPackage = ({ domain, repository, format, key }: PackageAt) => ({ domain, repository, format, package: key })
const ofVersion = (at: VersionAt) => ({ ...ofPackage(at), version: at.version })

const itself = (change: NameAt): PackageCounter => change
const itsPlace = ({ at }: { at: NameAt }): PackageCounter => at

export const packageChanges: Plans<
  | 'own-name'
  | 'ingest-name'
  | 'ensure-package'
  | 'set-origin'
  | 'create-version'
  | 'retain-version'
  | 'set-version'
  | 'create-asset'
  | 'retain-asset'
  | 'note-departure'
  | 'put-tag'
  | 'ensure-tag'
  | 'delete-tag'
> = {
  'own-name': {
    moves: itself,
    statements: (queries, change) => [
      statement(
        queries
          .insertInto('names')
          .values({ ...ofName(change), owned: 1, ingested: 0 })
          .onConflict((it) => {
            const own = it.columns(['domain', 'format', 'package']).doUpdateSet({ owned: 1 })
            return change.evenIfIngested ? own : own.where('names.ingested', '=', 0)
          }),
        {
          none: conflict(`${shown(change)} came from upstream already`, shown(change), 'package'),
          reference: missing('The domain', change.domain, 'domain'),
        },
      ),
    ],
  },
  'ingest-name': {
    moves: 'none',
    statements: (queries, change) => [
      statement((change.evenIfOwned ? ingestName : ingestFreeName)(queries, ofName(change)), {
        none: conflict(`${shown(change)} belongs to the domain ${change.domain}`, shown(change), 'package'),
        reference: missing('The domain', change.domain, 'domain'),
      }),
    ],
  },
  'ensure-package': {
    moves: 'none',
    statements: (queries, { at, origin: { publish, upstream } }) => [
      statement(ensurePackage(queries, { ...ofPackage(at), publish, upstream }), {
        reference: missing('The repository', at.repository, 'repository'),
      }),
    ],
  },
  'set-origin': {
    moves: itsPlace,
    statements: (queries, { at, origin }) => [
      statement(
        queries
          .insertInto('packages')
          .values({ ...ofPackage(at), ...origin, origin_is_explicit: 1 })
          .onConflict((it) =>
            it.columns(['domain', 'repository', 'format', 'package']).doUpdateSet({ ...origin, origin_is_explicit: 1 }),
          ),
        { reference: missing('The repository', at.repository, 'repository') },
      ),
    ],
  },
  'create-version': {
    moves: ({ version }) => version,
    statements: (queries, { version }) => [insertVersion(queries, version)],
  },
  'retain-version': { moves: 'none', statements: (queries, { version }) => [insertVersion(queries, version)] },
  'set-version': {
    moves: itsPlace,
    statements: (queries, { at, was, revision, status, metadata }) => [
      statement(
        queries
          .selectFrom('versions')
          .select('version')
          .where((eb) => eb.and(ofVersion(at))),
        { none: missing('The version', shownVersion(at), 'package-version') },
      ),
      statement(
        queries
          .updateTable('versions')
          .set({
            revision,
            ...(status !== undefined && { status }),
            ...(metadata !== undefined && { metadata }),
          })
          .where((eb) => eb.and({ ...ofVersion(at), revision: was })),
        { none: conflict(`${shownVersion(at)} was changed in the meantime`, shownVersion(at), 'package-version') },
      ),
    ],
  },
  'create-asset': { moves: itsPlace, statements: (queries, { at, asset }) => insertAsset(queries, at, asset) },
  'retain-asset': { moves: 'none', statements: (queries, { at, asset }) => insertAsset(queries, at, asset) },
  'note-departure': {
    moves: itsPlace,
    statements: (queries, { at, file, was, departure, metadata }) => [
      statement(
        queries
          .updateTable('assets')
          .set({
            departure: departure && JSON.stringify(departure),
            ...(metadata !== undefined && { metadata }),
          })
          .where((eb) => eb.and({ ...ofVersion(at), file, origin: 'EXTERNAL' }))
          .where('departure', was ? '=' : 'is', was && JSON.stringify(was)),
        { none: conflict(`${shownVersion(at)} was looked at by somebody else meanwhile`, shownVersion(at)) },
      ),
    ],
  },
  'put-tag': {
    moves: itsPlace,
    statements: (queries, { at, tag, version }) => [
      statement(
        queries
          .insertInto('tags')
          .values({ ...ofPackage(at), tag, version })
          .onConflict((it) =>
            it.columns(['domain', 'repository', 'format', 'package', 'tag']).doUpdateSet({ version }),
          ),
        versionMustExist({ ...at, version }),
      ),
    ],
  },
  'ensure-tag': {
    moves: 'none',
    statements: (queries, { at, tag, version }) => [
      statement(
        queries
          .insertInto('tags')
          .values({ ...ofPackage(at), tag, version })
          .onConflict((it) => it.doNothing()),
        versionMustExist({ ...at, version }),
      ),
    ],
  },
  'delete-tag': {
    moves: itsPlace,
    statements: (queries, { at, tag }) => [
      statement(
        queries.deleteFrom('tags').where((eb) => eb.and({ ...ofPackage(at), tag })),
        { none: missing('The tag', `${tag} of ${shown(at)}`, 'package') },
      ),
    ],
  },
}

const versionMustExist = (at: VersionAt): Refusals => ({
  reference: missing('The version', shownVersion(at), 'package-version'),
})

// Each file that is fetched runs these, and each that is published most of them.

type NameColumns = ReturnType<typeof ofName>
type VersionColumns = Insertable<Database['versions']>
type AssetColumns = Omit<Insertable<Database['assets']>, 'origin'>

const ingest = (queries: Queries, of: NameColumns) =>
  queries.insertInto('names').values({ ...of, owned: 0, ingested: 1 })

const ingestName = writtenOnce((queries, of: NameColumns) =>
  ingest(queries, of).onConflict((it) => it.columns(['domain', 'format', 'package']).doUpdateSet({ ingested: 1 })),
)

const ingestFreeName = writtenOnce((queries, of: NameColumns) =>
  ingest(queries, of).onConflict((it) =>
    it.columns(['domain', 'format', 'package']).doUpdateSet({ ingested: 1 }).where('names.owned', '=', 0),
  ),
)

const ensurePackage = writtenOnce((queries, of: Omit<Insertable<Database['packages']>, 'origin_is_explicit'>) =>
  queries
    .insertInto('packages')
    .values({ ...of, origin_is_explicit: 0 })
    .onConflict((it) => it.doNothing()),
)

const versionRow = writtenOnce((queries, columns: VersionColumns) => queries.insertInto('versions').values(columns))

const assetRow = writtenOnce((queries, columns: AssetColumns) => {
  const { domain, repository, format, package: name, version } = columns
  const origin = queries
    .selectFrom('versions')
    .select('origin')
    .where((eb) => eb.and({ domain, repository, format, package: name, version }))
  return queries.insertInto('assets').values({ ...columns, origin })
})

function insertVersion(queries: Queries, version: Omit<PackageVersion, 'assets'>): Statement {
  const query = versionRow(queries, {
    ...ofVersion(version),
    status: version.status,
    revision: version.revision,
    origin: version.origin,
    entry_point: version.entryPoint,
    created_at: version.createdAt,
    published_at: version.publishedAt,
    license: version.license,
    metadata: version.metadata,
  })
  return statement(query, {
    duplicate: exists('The version', shownVersion(version), 'package-version'),
    reference: missing('The package', shown(version), 'package'),
  })
}

function insertAsset(queries: Queries, at: VersionAt, asset: Asset): Statement[] {
  const { digests, sideCar } = asset
  const query = assetRow(queries, {
    ...ofVersion(at),
    file: asset.file,
    size: asset.size,
    sha256: digests.sha256,
    sha512: digests.sha512 ?? null,
    sha1: digests.sha1 ?? null,
    md5: digests.md5 ?? null,
    blake2b: digests.blake2b ?? null,
    created_at: asset.createdAt,
    path: asset.path,
    side_car_sha256: sideCar?.sha256 ?? null,
    side_car_size: sideCar?.size ?? null,
    metadata: asset.metadata,
    departure: asset.departure ? JSON.stringify(asset.departure) : null,
    entry_point: asset.entryPoint ?? null,
  })
  return [
    registerBlob(queries, { sha256: digests.sha256, size: asset.size }, asset.createdAt),
    ...(sideCar ? [registerBlob(queries, sideCar, asset.createdAt)] : []),
    statement(query, { duplicate: exists('The file', asset.file, 'asset'), ...versionMustExist(at) }),
  ]
}
