import { findDepartures, planDepartures, type Retained } from '../registry/departures.ts'
import type { Ecosystem } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { CachedIndex, Connection, IndexFile, PackedFacts } from '../registry/model.ts'
import { displayName, type FormatId, type PackageName } from '../registry/names.ts'
import type { PackedIndex } from '../registry/pack-index.ts'
import { findFiles } from '../registry/packed-facts.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import { wholeOf } from '../registry/whole-blob.ts'
import { freshUntil } from './freshness.ts'

/** What a kept document (in zstd) says of single files. Done in a worker thread. */
export type Excerpt = (
  format: FormatId,
  document: Uint8Array,
  name: PackageName,
  files: readonly string[],
) => Promise<Readonly<Record<string, string>>>

export type KeepParts = {
  readonly store: Pick<MetadataStore, 'findIndex' | 'commit' | 'listRetained'>
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly ecosystemOf: (format: FormatId) => Ecosystem
  readonly excerpt: Excerpt
}

/** Whose index of which package it is, and what is kept of it so far. */
export type IndexPlace = {
  readonly connection: Connection
  readonly name: PackageName
  readonly cached: CachedIndex | undefined
}

/** Nothing new. */
export async function touch(
  parts: Pick<KeepParts, 'store' | 'clock'>,
  cached: CachedIndex,
  headers: Readonly<Record<string, string>>,
  until = freshUntil(headers, parts.clock.now(), 'present'),
): Promise<CachedIndex> {
  const { connection, format, key } = cached
  const touched = { checkedAt: parts.clock.now(), freshUntil: until, etag: headers['etag'] ?? cached.etag }
  await parts.store.commit([{ change: 'touch-index', connection, format, key, ...touched }], { isReplaceable: true })
  return { ...cached, ...touched }
}

/** The package is not there, says the upstream. A document that came earlier stays: versions that were fetched are read from it. */
export async function keepAbsent(parts: KeepParts, place: IndexPlace, wasHere: boolean): Promise<CachedIndex> {
  const { cached } = place
  const until = freshUntil({}, parts.clock.now(), cached?.document || wasHere ? 'vanished' : 'absent')
  if (cached?.state === 'absent') return touch(parts, cached, {}, until)
  return put(parts, place, {
    state: 'absent',
    document: cached?.document ?? null,
    facts: cached?.facts ?? null,
    etag: null,
    lastModified: null,
    freshUntil: until,
  })
}

const STEP_BYTES = 256 * 1024

export async function keepDocument(
  parts: KeepParts,
  place: IndexPlace,
  headers: Readonly<Record<string, string>>,
  { document, sha256, facts }: PackedIndex,
): Promise<CachedIndex> {
  const { cached } = place
  if (cached?.state === 'present' && cached.document?.sha256 === sha256) return touch(parts, cached, headers)
  await using pending = await parts.blobs.begin({ isReplaceable: true })
  // It is hashed as it is written: in steps, between which others are served.
  for (let at = 0; at < document.length; at += STEP_BYTES) await pending.write(document.subarray(at, at + STEP_BYTES))
  const { size } = await pending.commit()
  return put(parts, place, {
    state: 'present',
    document: { sha256, size },
    facts,
    etag: headers['etag'] ?? null,
    lastModified: headers['last-modified'] ?? null,
    freshUntil: freshUntil(headers, parts.clock.now(), 'present'),
  })
}

type Stated = Omit<CachedIndex, 'connection' | 'format' | 'key' | 'checkedAt' | 'revision'>

async function put(parts: KeepParts, place: IndexPlace, stated: Stated): Promise<CachedIndex> {
  const { connection, name } = place
  const { facts, ...index } = stated
  const at = { connection: connection.name, format: name.format, key: name.key }
  const checkedAt = parts.clock.now()
  for (let attempt = 1; ; attempt++) {
    const departures = await departuresFrom(parts, place, stated)
    try {
      const changes = [{ change: 'put-index' as const, index: { ...at, ...index, checkedAt }, facts }, ...departures]
      await parts.store.commit(changes, { isReplaceable: departures.length === 0 })
      break
    } catch (error) {
      // Another process noted them, or a repository went: look again.
      const isOvertaken = error instanceof RegistryError && error.code === 'conflict'
      if (!isOvertaken || attempt === 3) throw error
    }
  }
  // The store counts revisions; another process may have written after us, and then that is what counts.
  const stored = await parts.store.findIndex(at.connection, at.format, at.key)
  if (!stored) throw new Error(`The index of ${displayName(name)} is gone right after it was written`)
  return stored
}

/** An index changes far less often than it is read: so this, which looks at all that is kept of the package, is done here. */
async function departuresFrom(parts: KeepParts, { connection, name, cached }: IndexPlace, { state, facts }: Stated) {
  const retained = await parts.store.listRetained(connection.name, name.format, name.key)
  if (retained.length === 0) return []
  const wanted = new Set(retained.flatMap(({ version }) => version.assets.map(({ file }) => file)))
  const filesOf = async (packed: PackedFacts | null | undefined) => (packed ? findFiles(packed, wanted) : [])
  const said = state === 'present' ? await filesOf(facts) : null
  const before = [...toldAlone(parts, name, retained), ...(await filesOf(cached?.facts))]
  const departing = findDepartures(retained, said, before, parts.clock.now())
  const lost = departing.flatMap(({ asset, wantsExcerpt }) => (wantsExcerpt ? [asset.file] : []))
  const excerpts = await excerptsOf(parts, name, cached, [...new Set(lost)])
  return planDepartures(departing, { connection: connection.name, name, excerpts })
}

/** What was fetched by its own manifest, as by a lock file, came from no index: the manifest is kept with it. */
function toldAlone({ ecosystemOf }: KeepParts, name: PackageName, retained: readonly Retained[]): readonly IndexFile[] {
  const { single } = ecosystemOf(name.format)
  return retained.flatMap(({ version: { version, metadata } }) => {
    if (!single || metadata === null) return []
    const fetched = { body: Buffer.from(metadata), contentType: '', url: '', headers: {} }
    return single.read(fetched, name, version)?.file ?? []
  })
}

async function excerptsOf(parts: KeepParts, name: PackageName, cached: CachedIndex | undefined, files: string[]) {
  if (!cached?.document || files.length === 0) return {}
  await using blob = await parts.blobs.open(cached.document.sha256, cached.document)
  // Lost: then only what the rows tell of them can be shown.
  if (!blob) return {}
  const bytes = await wholeOf(blob)
  return bytes ? parts.excerpt(name.format, bytes, name, files) : {}
}
