import { believedFreshness } from './believed-freshness.ts'
import { ByteLru } from './byte-lru.ts'
import { announceDropped } from './merge-conflicts.ts'
import { gatherJob, type MergeJob, type Merged } from './merge-job.ts'
import type { CachedIndex, Connection, Hex, PackedFacts, Repository } from './model.ts'
import { displayName, type ConnectionName, type FormatId, type PackageName } from './names.ts'
import type { ReadOptions } from './offered.ts'
import type { MergeRule } from './plan-merge.ts'
import type { BlobStore } from './blob-store.ts'
import type { Clock, MetadataStore, Upstream } from './ports.ts'
import type { SideCarPreparation } from './prepare-side-cars.ts'
import type { Scope } from './scope.ts'
import { connectionsAlong, searchPath } from './topology.ts'

// The index of a name whose sources are merged: made of those of all connections along the way, by one plan (plan-merge.ts), and
// from then on an index like any other. Whatever is said of the name and whatever is given out of it is looked up in there.

/** One connection along the way, as it was asked. */
export type AskedSource = Pick<CachedIndex, 'state' | 'revision' | 'checkedAt'> & {
  readonly connection: Connection
  readonly repository: Repository
  readonly stale: boolean
}
type Source = Pick<AskedSource, 'connection' | 'repository' | 'stale'> & { readonly index: CachedIndex }

const withoutFacts = ({ index: { state, revision, checkedAt }, ...source }: Source): AskedSource => ({
  ...source,
  state,
  revision,
  checkedAt,
})

export type MergedIndex = {
  /** `bytes`: in zstd. */
  readonly document: { readonly sha256: Hex; readonly size: number; readonly bytes: Uint8Array }
  /** Each file and each version says which connection it is `from`. */
  readonly facts: PackedFacts
  /** What was fetched and may be given out, by file: the connection that it came from. */
  readonly kept: ReadonlyMap<string, ConnectionName>
  readonly sources: readonly AskedSource[]
}

export type MergeParts = {
  readonly store: MetadataStore
  readonly blobs: BlobStore
  readonly upstream: Upstream
  readonly clock: Clock
  readonly sideCars: SideCarPreparation
  /** In a worker thread: unpacks, plans and packs. */
  readonly merge: (format: FormatId, job: MergeJob) => Promise<Merged>
  /** Remembers that a blob was of use. */
  readonly used: (sha256: Hex) => void
  /** That a conflict could not be announced does not fail who asked. */
  readonly onRetentionFailure: (error: unknown, file: string) => void
}

export type MergeReader = {
  /**
   * Throws where one of the connections can neither be asked nor answered earlier: to leave it out would let lower ones give what
   * it has.
   */
  read(
    scope: Scope,
    name: PackageName,
    rule: MergeRule,
    options: ReadOptions & { readonly force?: boolean; readonly wasHere?: boolean; readonly isShown?: boolean },
  ): Promise<MergedIndex>
}

const REMEMBERED_BYTES = 32_000_000

type Remembered = { readonly token: string; readonly merged: MergedIndex }

export function mergeReader(parts: MergeParts): MergeReader {
  const remembered = new ByteLru<Remembered>(REMEMBERED_BYTES)
  const remember = (key: string, token: string, merged: MergedIndex) =>
    remembered.set(key, { token, merged: asFresh(merged) }, merged.document.size + merged.facts.byteLength + 1_000)
  const making = new Map<string, Promise<MergedIndex>>()

  return {
    async read(scope, name, rule, options) {
      const key = [scope.domain.name, scope.repository.name, name.format, name.key].join('\n')
      const known = remembered.get(key)
      const asked = connectionsOnce(scope, name)
      const before = await tokenNow(parts, scope, name, rule, asked)
      if (known && options.force !== true && before.isFresh && known.token === before.token) return known.merged
      const sources = await Promise.all(asked.map((one) => readSource(parts, scope, name, one, options)))
      const token = tokenOf(
        before.counters,
        rule,
        sources.map(({ index }) => index.revision),
      )
      if (known?.token === token) return { ...known.merged, sources: sources.map(withoutFacts) }
      const flight = `${key}\n${token}`
      const made = making.get(flight) ?? make(parts, scope, name, rule, sources).finally(() => making.delete(flight))
      making.set(flight, made)
      const merged = await made
      remember(
        key,
        tokenOf(
          before.counters,
          rule,
          merged.sources.map(({ revision }) => revision),
        ),
        merged,
      )
      return merged
    },
  }
}

/** It is given out again only while all of it is. */
const asFresh = (merged: MergedIndex): MergedIndex => ({
  ...merged,
  sources: merged.sources.map((source) => ({ ...source, stale: false })),
})

/** Each connection where it comes first. */
function connectionsOnce({ view, repository }: Scope, name: PackageName) {
  const along = connectionsAlong(view, searchPath(view, repository.name), name)
  return along.filter(({ connection }, at) => along.findIndex((one) => one.connection === connection) === at)
}

const tokenOf = (counters: string, { mode, isOurs }: MergeRule, revisions: readonly (number | undefined)[]): string =>
  `${counters} ${mode} ${isOurs} ${revisions.join(' ')}`

/** What a merged index would be made of at this moment, as far as counters tell, and whether all of it is fresh. */
async function tokenNow(
  { store, clock }: MergeParts,
  { domain, view }: Scope,
  { format, key }: PackageName,
  rule: MergeRule,
  asked: readonly { readonly connection: Connection }[],
) {
  const at = { domain: domain.name, format, key }
  // The package's counter before everything that is made of what it counts.
  const first = await store.readRevision({ ...at, index: null })
  const revisions = await Promise.all(
    asked.map(({ connection }) => store.readRevision({ ...at, index: connection.name })),
  )
  const now = clock.now()
  const counters = `${view.counter} ${first.package}`
  return {
    counters,
    token: tokenOf(
      counters,
      rule,
      revisions.map(({ index }) => index?.revision),
    ),
    isFresh: revisions.every(({ index }) => index && now < believedFreshness(index.freshUntil, now)),
  }
}

async function readSource(
  { store, upstream, sideCars }: MergeParts,
  scope: Scope,
  name: PackageName,
  { connection, repository }: { readonly connection: Connection; readonly repository: Repository },
  options: Parameters<MergeReader['read']>[3],
): Promise<Source> {
  const { deadline, whileRevalidating = true, force = false, wasHere = false, isShown = false } = options
  const { index, stale } = await upstream.readIndex(connection, name, { deadline, whileRevalidating, force, wasHere })
  const source = { connection, repository, index, stale }
  if (!isShown || stale || index.state !== 'present') return source
  if (!(await sideCars.prepare(scope, name, { connection, index }, deadline))) return source
  // As it is now, revision and all: what was found out moved it.
  return { ...source, index: (await store.findIndex(connection.name, name.format, name.key)) ?? index }
}

async function make(
  parts: MergeParts,
  scope: Scope,
  name: PackageName,
  rule: MergeRule,
  sources: readonly Source[],
): Promise<MergedIndex> {
  const along = searchPath(scope.view, scope.repository.name).map((repository) => repository.name)
  const held = await parts.store.listVersions(scope.domain.name, along, name.format, name.key)
  let asked = sources
  for (const isSecondTry of [false, true]) {
    const job = await gatherJob(parts.blobs, rule, asked, held)
    const result = 'damaged' in job ? job : await mergeBy(parts, name, job)
    if (!('damaged' in result)) {
      await announceDropped(parts, scope, name, result.dropped).catch((error: unknown) =>
        parts.onRetentionFailure(error, displayName(name)),
      )
      const { document: bytes, sha256, facts, kept } = result
      const document = { sha256, size: bytes.byteLength, bytes }
      return { document, facts, kept: new Map(kept), sources: asked.map(withoutFacts) }
    }
    if (isSecondTry) break
    // Lost or damaged: they are given up, and fetched anew.
    await parts.store.condemnDamaged(result.damaged)
    const options = { deadline: parts.clock.now() + FETCHED_ANEW_MS }
    asked = await Promise.all(sources.map((one) => readSource(parts, scope, name, one, options)))
  }
  throw new Error(`An index of ${displayName(name)} is missing from the blob store`)
}

function mergeBy(parts: MergeParts, { format }: PackageName, job: MergeJob): Promise<Merged> {
  for (const { index } of job.sources) if (index) parts.used(index.sha256)
  return parts.merge(format, job)
}

const FETCHED_ANEW_MS = 10_000
