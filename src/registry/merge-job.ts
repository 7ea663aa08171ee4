import { entryPointOf, onlyFiles } from './entry-points.ts'
import type { CachedIndex, Connection, Hex, PackageVersion, PackedFacts } from './model.ts'
import type { ConnectionName } from './names.ts'
import type { FileHere, MergePlan, MergeRule } from './plan-merge.ts'
import { wholeOf } from './whole-blob.ts'
import type { BlobStore } from './blob-store.ts'

// What a worker thread is given to merge: the documents and facts of the indexes, and what is here of the package.

export type MergeJob = {
  readonly rule: MergeRule
  readonly hosted: readonly FileHere[]
  readonly sources: readonly {
    readonly connection: ConnectionName
    /** `compressed`: the document, in zstd. */
    readonly index: { readonly sha256: Hex; readonly compressed: Uint8Array; readonly facts: PackedFacts } | null
    readonly kept: readonly FileHere[]
  }[]
}

/** What comes of it. `damaged`: documents whose bytes are not what their names say, and no more. */
export type Merged =
  | { readonly damaged: readonly Hex[] }
  | (Omit<MergePlan, 'facts'> & {
      /** In zstd. */
      readonly document: Uint8Array
      /** Of `document`. */
      readonly sha256: Hex
      readonly facts: PackedFacts
    })

/** A connection with what it said. */
type Asked = { readonly connection: Connection; readonly index: CachedIndex }

/** `held`: all that the repositories along the way hold of the package, in their order. Where documents are lost there is no job. */
export async function gatherJob(
  blobs: BlobStore,
  rule: MergeRule,
  asked: readonly Asked[],
  held: readonly PackageVersion[],
): Promise<MergeJob | { readonly damaged: readonly Hex[] }> {
  const documents = await Promise.all(asked.map(({ index }) => documentOf(blobs, index)))
  const lost = asked.flatMap(({ index }, at) => (isLive(index) && !documents[at] ? [index.document.sha256] : []))
  if (lost.length > 0) return { damaged: lost }
  const live = asked.map(({ connection }, at) => ({
    connection: connection.name,
    index: documents[at] ?? null,
    kept: keptFrom(held, connection.name),
  }))
  const hosted = held.filter(({ origin }) => origin === 'INTERNAL').flatMap(filesOf)
  return { rule, hosted, sources: [...live, ...goneFrom(held, asked)] }
}

const isLive = (
  index: CachedIndex,
): index is CachedIndex & { readonly document: NonNullable<CachedIndex['document']>; readonly facts: PackedFacts } =>
  index.state === 'present' && index.document !== null && index.facts !== null

/** null also where it is lost. */
async function documentOf(blobs: BlobStore, index: CachedIndex) {
  if (!isLive(index)) return null
  await using blob = await blobs.open(index.document.sha256, index.document)
  const compressed = blob && (await wholeOf(blob))
  return compressed ? { sha256: index.document.sha256, compressed, facts: index.facts } : null
}

const filesOf = ({ version, status, assets }: PackageVersion): readonly FileHere[] =>
  assets.map(({ file, digests }) => ({ file, version, digests, ...(status !== 'Published' && { isHidden: true }) }))

const fetched = (held: readonly PackageVersion[]): readonly PackageVersion[] =>
  held.filter(({ origin, status }) => origin === 'EXTERNAL' && status === 'Published')

const keptFrom = (held: readonly PackageVersion[], connection: ConnectionName): readonly FileHere[] =>
  onlyFiles(fetched(held), (version, asset) => entryPointOf(version, asset) === connection).flatMap(filesOf)

/** What was fetched stays, also when its connection is no longer along the way: behind all that are. */
function goneFrom(held: readonly PackageVersion[], asked: readonly Asked[]): MergeJob['sources'] {
  const along = new Set(asked.map(({ connection }) => connection.name))
  const gone = new Set(
    fetched(held)
      .flatMap((version) => version.assets.map((asset) => entryPointOf(version, asset)))
      .filter((connection) => !along.has(connection)),
  )
  return [...gone].toSorted().map((connection) => ({ connection, index: null, kept: keptFrom(held, connection) }))
}
