import type { ContentEncoding, Format, KeptAnswer } from '../formats/format.ts'
import { believedFreshness } from '../registry/believed-freshness.ts'
import { RegistryError } from '../registry/errors.ts'
import type { Hex, Instant } from '../registry/model.ts'
import type { ConnectionName, PackageName } from '../registry/names.ts'
import type { BlobStore } from '../registry/blob-store.ts'
import type { BlobLedger, Clock, PackageReads, Revision } from '../registry/ports.ts'
import type { PackageSources, ReadOptions } from '../registry/read.ts'
import type { Scope } from '../registry/scope.ts'
import { ByteLru } from '../registry/byte-lru.ts'
import { wholeOf } from '../registry/whole-blob.ts'
import { hashInSteps } from './hash-in-steps.ts'
import type { KeptEntry } from './kept-entry.ts'
import type { KeptFiles } from './kept-files.ts'
import type { Workers } from './workers.ts'

// Rendered answers, kept as bytes until what they were made from moves (decision 2 of the design). This is a cache of the
// process and may be thrown away at any time: whether an entry still holds is decided by counters that the store gives.

export type Want = {
  readonly format: Format
  readonly scope: Scope
  readonly name: PackageName
  readonly form: string
  readonly encoding: ContentEncoding
  readonly endpoint: string
}

/** stale: an upstream should have been asked anew, and was not, or did not answer. */
export type KeptStatus = 'hit' | 'stale' | 'miss'

/** What the request read of the counters, and the connection whose index it asked about. */
export type RevisionRead = { readonly revision: Revision; readonly index: ConnectionName | null }

export type KeptParts = {
  readonly store: PackageReads & Pick<BlobLedger, 'condemnDamaged'>
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly memory: number
  readonly files: KeptFiles
  readonly readPackage: (scope: Scope, name: PackageName, options: ReadOptions) => Promise<PackageSources>
  readonly render: Workers['render']
  /** Remembers that a blob was of use. */
  readonly used: (sha256: Hex) => void
  readonly onRefreshFailure: (error: unknown, name: PackageName) => void
}

/** After this long without an answer from upstream a stale copy is no longer served at once: the request waits for a fresh one first. */
const SERVE_STALE_FOR_MS = 24 * 3600_000

/** What was retained alters no counter; an answer that consists of it is looked at again this soon. */
const RETAINED_HOLDS_MS = 60_000

const CONNECTION_HINTS_BYTES = 8_000_000

export type Kept = ReturnType<typeof createKept>

export function createKept(parts: KeptParts) {
  const entries = new ByteLru<KeptEntry>(parts.memory)
  const making = new Map<string, Promise<KeptEntry>>()
  const refreshing = new Set<string>()
  // Which connection answered for a package last time, so that the counters and that index's freshness are read in one statement.
  const connections = new ByteLru<ConnectionName>(CONNECTION_HINTS_BYTES)

  const keep = (want: Want, entry: KeptEntry) => {
    entries.set(keyOf(want), entry, weight(entry))
    const connection = entry.madeFrom.indexes.at(-1)?.connection
    if (connection) connections.set(subjectOf(want), connection, 200)
  }

  const find = async (want: Want): Promise<KeptEntry | undefined> => {
    const entry = entries.get(keyOf(want))
    if (entry) return entry
    const filed = await parts.files.read(keyOf(want))
    if (filed) keep(want, filed)
    return filed
  }

  /**
   * Until when what upstreams said is fresh; null where one has said something else since. INVARIANT: counters are those that
   * the request read first, before its view of the domain: a later look would call older rules newer than they are.
   */
  const freshUntil = async ({ name, scope }: Want, { madeFrom }: KeptEntry, read: RevisionRead, now: Instant) => {
    let until = Infinity
    for (const { connection, revision } of madeFrom.indexes) {
      const of = { domain: scope.domain.name, format: name.format, key: name.key, index: connection }
      const { index } = connection === read.index ? read.revision : await parts.store.readRevision(of)
      if (index?.revision !== revision) return null
      until = Math.min(until, believedFreshness(index.freshUntil, now))
    }
    return until
  }

  /** Everyone who wants the same answer of the same state while it is made gets the one that is being made. */
  const makeOnce = (want: Want, revision: Revision, options: ReadOptions, known?: KeptEntry): Promise<KeptEntry> => {
    const flight = `${keyOf(want)} ${revision.topology} ${revision.package} ${options.whileRevalidating}`
    let made = making.get(flight)
    if (!made) {
      made = make(want, revision, options, known).finally(() => making.delete(flight))
      making.set(flight, made)
    }
    return made
  }

  /** `known`: an answer whose counters hold. What it was made from may turn out to be as it was. */
  const make = async (want: Want, revision: Revision, options: ReadOptions, known?: KeptEntry): Promise<KeptEntry> => {
    const sources = await parts.readPackage(want.scope, want.name, options)
    if (known && isMadeFrom(known, sources)) return { ...known, answer: { ...known.answer, stale: sources.stale } }
    const { entry, from } = await renderAnew(parts, want, revision, options, sources)
    // Without any word of the upstream (a publisher's look-up, an outage of one that has no index here) the answer is right for
    // this request only. One that is made of an older index is bound to that: it holds until the index is another.
    const isBound = !from.stale || from.dependsOn.length > 0
    if ((options.askUpstream ?? true) && isBound) {
      const kept = { ...entry, answer: { ...entry.answer, stale: false } }
      keep(want, kept)
      parts.files.write(keyOf(want), kept)
    }
    return entry
  }

  const refreshBehind = (want: Want, deadline: Instant): void => {
    const subject = subjectOf(want)
    if (refreshing.has(subject)) return
    refreshing.add(subject)
    parts
      .readPackage(want.scope, want.name, { deadline, whileRevalidating: false })
      .catch((error: unknown) => parts.onRefreshFailure(error, want.name))
      .finally(() => refreshing.delete(subject))
  }

  return {
    /** The connection whose index an answer about the package is likely to depend on: ask the store about it along with the counters. */
    connectionOf: (scope: { domain: string; repository: string }, name: PackageName): ConnectionName | null =>
      connections.get(`${scope.domain} ${scope.repository} ${name.format} ${name.key}`) ?? null,

    async read(
      want: Want,
      read: RevisionRead,
      options: ReadOptions,
    ): Promise<{ answer: KeptAnswer; status: KeptStatus }> {
      if (options.askUpstream === false)
        return { answer: (await make(want, read.revision, options)).answer, status: 'miss' }
      const entry = await find(want)
      const now = parts.clock.now()
      const known = entry && holds(entry, read.revision, now) ? entry : undefined
      const until = known ? await freshUntil(want, known, read, now) : null
      if (known && until !== null) {
        if (now < until) return { answer: known.answer, status: 'hit' }
        if ((options.whileRevalidating ?? true) && now < until + SERVE_STALE_FOR_MS) {
          refreshBehind(want, options.deadline)
          return { answer: { ...known.answer, stale: true }, status: 'stale' }
        }
      }
      const { answer } = await makeOnce(want, read.revision, options, known)
      return { answer, status: answer.stale ? 'stale' : 'miss' }
    },
  }
}

/** What upstreams said is the other half of it: see `freshUntil`. */
const holds = ({ madeFrom, expiresAt }: KeptEntry, revision: Revision, now: Instant): boolean =>
  madeFrom.topology === revision.topology &&
  madeFrom.package === revision.package &&
  (expiresAt === null || now < expiresAt)

const isMadeFrom = ({ madeFrom: { indexes } }: KeptEntry, { dependsOn, index }: PackageSources): boolean =>
  (index === null || index.only === null) &&
  indexes.length === dependsOn.length &&
  indexes.every((one, at) => one.connection === dependsOn[at]?.connection && one.revision === dependsOn[at]?.revision)

/** One key per (repository, package, form, encoding, address). The address is the endpoint, which names the repository. */
function keyOf({ name, form, encoding, endpoint }: Want): string {
  return `${endpoint} ${name.key} ${form} ${encoding}`
}

const subjectOf = ({ scope, name }: Want): string =>
  `${scope.domain.name} ${scope.repository.name} ${name.format} ${name.key}`

/** A view of a few bytes keeps all of the memory that it looks at. */
const weight = (entry: KeptEntry): number => entry.answer.body.buffer.byteLength + 500

type Rendered = { readonly entry: KeptEntry; readonly from: PackageSources }

/** Rendered from the sources. Where the index's document was lost, it is given up and fetched anew, once. */
async function renderAnew(
  parts: KeptParts,
  want: Want,
  revision: Revision,
  options: ReadOptions,
  sources: PackageSources,
): Promise<Rendered> {
  const entry = await renderEntry(parts, want, revision, sources)
  if (entry !== 'lost') return { entry, from: sources }
  const lost = sources.index?.document.sha256 as Hex
  await parts.store.condemnDamaged([lost])
  const from = await parts.readPackage(want.scope, want.name, options)
  const again = await renderEntry(parts, want, revision, from)
  if (again === 'lost') throw new Error(`The index document ${lost} is missing from the blob store`)
  return { entry: again, from }
}

async function renderEntry(
  parts: KeptParts,
  want: Want,
  revision: Revision,
  sources: PackageSources,
): Promise<KeptEntry | 'lost'> {
  const now = parts.clock.now()
  const index = sources.index && {
    facts: sources.index.facts,
    only: sources.index.only,
    sideCars: sources.index.sideCars,
    sha256: sources.index.document.sha256,
  }
  if (sources.index) parts.used(sources.index.document.sha256)
  const rendered = await parts.render(
    want.format,
    {
      name: want.name,
      form: want.form,
      endpoint: want.endpoint,
      index,
      hosted: sources.hosted,
      retained: sources.retained,
      measured: sources.measured,
      tags: sources.tags,
      rules: sources.rules,
      now,
    },
    want.encoding,
    async () => (sources.index ? readDocument(parts, sources.index.document) : undefined),
  )
  if (rendered.kind === 'lost') return 'lost'
  if (rendered.kind === 'refused') throw new RegistryError(rendered.code, rendered.message, { resourceType: 'package' })
  const { kind: _, expiresAt, ...answer } = rendered
  return {
    answer: { ...answer, encoding: want.encoding, stale: sources.stale },
    madeFrom: { topology: revision.topology, package: revision.package, indexes: sources.dependsOn },
    expiresAt: index?.only ? Math.min(expiresAt ?? Infinity, now + RETAINED_HOLDS_MS) : expiresAt,
  }
}

async function readDocument(
  parts: KeptParts,
  document: NonNullable<PackageSources['index']>['document'],
): Promise<Uint8Array | undefined> {
  // A copy: what is rendered from moves to another thread.
  if (document.bytes) return document.bytes.slice()
  await using blob = await parts.blobs.open(document.sha256, document)
  const bytes = blob && (await wholeOf(blob))
  if (!bytes) return undefined
  // A flipped bit passes the decompression more often than not, and would be rendered into what clients install by.
  return (await hashInSteps(bytes)).toString('hex') === document.sha256 ? bytes : undefined
}
