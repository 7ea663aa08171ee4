import { asksForTime, rulesFor } from '../policy/curation/curate.ts'
import type { VersionFacts } from '../policy/curation/rule.ts'
import { RegistryError } from './errors.ts'
import type { CachedIndex, Connection, IndexFile, IndexVersion, Instant, Repository } from './model.ts'
import type { ConnectionName, PackageName } from './names.ts'
import { findFile } from './packed-facts.ts'
import type { Clock, MetadataStore, Upstream } from './ports.ts'
import type { Scope } from './scope.ts'
import { connectionsAlong } from './topology.ts'

// What upstreams offer, as far as one request has to know.

export type ReadOptions = {
  readonly deadline: Instant
  /** False: answer from what is here (a publisher's look-up must not tell the upstream a private name). */
  readonly askUpstream?: boolean
  /** Serve a stale index and refresh it behind; true unless the client asked for fresh data. */
  readonly whileRevalidating?: boolean
  /** Of a file: no more is wanted of it than this. */
  readonly only?: 'headers' | 'range' | undefined
}

export type AssetSelection = {
  readonly file: string
  /** Refuse a file of that name that lies elsewhere; for formats whose URLs keep the upstream's layout. */
  readonly path?: string
  /** The small file beside it (PEP 658's `.metadata`) instead of the file. */
  readonly sideCar?: boolean
}

export type OfferedParts = {
  readonly store: Pick<MetadataStore, 'readRevision'>
  readonly upstream: Upstream
  readonly clock: Clock
}

/**
 * The first connection along the way that has the name. One that fails ends the search: what a lower one offers under the
 * name may be somebody else's (decision 5).
 */
export async function findUpstream(
  parts: Pick<OfferedParts, 'upstream'>,
  scope: Scope,
  name: PackageName,
  along: readonly Repository[],
  options: ReadOptions & { force?: boolean; wasHere?: boolean },
) {
  const asked: { connection: ConnectionName; revision: number }[] = []
  let absent: { connection: Connection; repository: Repository; index: CachedIndex; stale: boolean } | null = null
  for (const { connection, repository } of connectionsAlong(scope.view, along, name)) {
    const { index, stale } = await parts.upstream.readIndex(connection, name, {
      deadline: options.deadline,
      whileRevalidating: options.whileRevalidating ?? true,
      force: options.force ?? false,
      wasHere: options.wasHere ?? false,
    })
    asked.push({ connection: connection.name, revision: index.revision })
    if (index.state === 'present') return { connection, repository, index, stale, asked }
    absent ??= { connection, repository, index, stale }
  }
  return absent && { ...absent, asked }
}

/** A file that an upstream offers, with what curation asks about its version. */
export type OfferedFile = {
  readonly connection: Connection
  readonly repository: Repository
  readonly file: IndexFile
  readonly facts: VersionFacts
  /** The version's own manifest, where that was asked for alone. */
  readonly metadata: string | null
  /** The indexes that were asked, in order: what is offered stands as long as they do. None where it depends on more than them: on a version's own manifest, or on a merge. */
  readonly asked: readonly { readonly connection: ConnectionName; readonly revision: number }[]
}

/** null where no upstream has it. */
export async function findOffered(
  parts: OfferedParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  along: readonly Repository[],
  options: ReadOptions,
): Promise<OfferedFile | null> {
  return (
    (await findAlone(parts, scope, name, select, along, options)) ??
    (await findInIndex(parts, scope, name, select, along, options))
  )
}

/**
 * Who installs from a lock file asks for files whose index nobody has read: the version's own manifest then is enough, and far
 * smaller, unless a rule wants to know when it was published. Only of the first connection: what says nothing may be one that does not
 * have the name, or one that answers no such request.
 */
async function findAlone(
  parts: OfferedParts,
  scope: Scope,
  name: PackageName,
  { file, path, sideCar = false }: AssetSelection,
  along: readonly Repository[],
  { deadline }: ReadOptions,
): Promise<OfferedFile | null> {
  const [first] = connectionsAlong(scope.view, along, name)
  if (!first || sideCar || path !== undefined) return null
  if (asksForTime(rulesFor(scope.view.rules, scope.repository))) return null
  const at = { domain: scope.domain.name, format: name.format, key: name.key, index: first.connection.name }
  if ((await parts.store.readRevision(at)).index !== null) return null
  const offered = await parts.upstream.findVersionOf(first.connection, name, file, { deadline })
  return offered
    ? {
        ...first,
        file: offered.file,
        facts: factsOf(name, offered.file, offered.version),
        metadata: offered.metadata,
        asked: [],
      }
    : null
}

export async function findInIndex(
  parts: OfferedParts,
  scope: Scope,
  name: PackageName,
  select: AssetSelection,
  along: readonly Repository[],
  options: ReadOptions,
): Promise<OfferedFile | null> {
  // A file that the kept index does not list may be newer than it: ask once more, waiting for the answer.
  for (const force of [false, true]) {
    const found = await findUpstream(parts, scope, name, along, { ...options, whileRevalidating: !force, force })
    const { state, facts } = found?.index ?? { state: 'absent', facts: null }
    const listed = state === 'present' && facts ? await findFile(facts, select) : undefined
    if (found && listed) {
      return {
        connection: found.connection,
        repository: found.repository,
        file: listed.file,
        facts: factsOf(name, listed.file, listed.version),
        metadata: null,
        asked: found.asked,
      }
    }
    if (!found || parts.clock.now() - found.index.checkedAt < RECHECK_AFTER_MS) return null
    // An older copy cannot tell what does not exist: that is for the upstream to say (decision 5).
    if (force && found.stale) {
      throw new RegistryError(
        'upstream_down',
        `${found.connection.name} cannot be asked at the moment whether it has ${select.file}`,
        { retryAfter: 5 },
      )
    }
  }
  return null
}

/** A request for a file that does not exist asks the upstream at most this often per package. */
export const RECHECK_AFTER_MS = 10_000

export const factsOf = (name: PackageName, file: IndexFile, version: IndexVersion | undefined): VersionFacts => ({
  format: name.format,
  key: name.key,
  version: file.version,
  publishedAt: file.publishedAt ?? version?.publishedAt ?? null,
  license: version?.license ?? null,
  origin: 'EXTERNAL',
})
