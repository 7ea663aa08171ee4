import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { actorOf, packageVersionEvent } from './events.ts'
import type { Asset, Instant, PackageVersion } from './model.ts'
import { displayName, type PackageName } from './names.ts'
import { AFTER_PUBLISH, mayAskUpstream, publishRefusal, type OriginFacts } from './origin.ts'
import { hasVersion } from './packed-facts.ts'
import type { PendingBlob } from './blob-store.ts'
import type { Clock, MetadataStore } from './ports.ts'
import { originFacts } from './read.ts'
import type { Scope } from './scope.ts'
import { connectionsAlong, searchPath } from './topology.ts'

/** A file of a publish, its bytes written and digests known, not yet committed to the blob store. */
export type PublishedFile = {
  readonly asset: Omit<Asset, 'createdAt'>
  readonly blob: PendingBlob
  /** The bytes of `asset.sideCar`. */
  readonly sideCar?: PendingBlob
}

export type PublishRequest = {
  readonly name: PackageName
  readonly version: string
  /** One for npm; one of many for PyPI, where each file is its own request. */
  readonly file: PublishedFile
  /** What the format keeps about the version, as JSON text. Only the first file of a version sets it. */
  readonly metadata: string | null
  readonly license: string | null
  /** Tags to move to this version. */
  readonly tags: readonly string[]
  /** The tag a package's first version gets if the request names none; npm's `latest`. */
  readonly firstTag: string | null
  /** False: a version is published whole, and another file of it is a conflict (npm). True: files may be added later (PyPI). */
  readonly mayAddFiles: boolean
  /** Said when the same name is taken by other bytes; each protocol has its own words. */
  readonly conflictMessage: string
}

/** What the store knows when a publish is planned. */
export type PublishState = {
  readonly origin: OriginFacts
  /** All versions of the package that the repository holds, in any status. */
  readonly versions: readonly PackageVersion[]
  /** The version is one of upstream's, and upstream is allowed for the name. */
  readonly offeredUpstream: boolean
}

/** unchanged: the same bytes were there already, and nothing was written. */
export type PublishResult = { readonly outcome: 'created' | 'added' | 'unchanged'; readonly version: string }

export type PublishParts = { readonly store: MetadataStore; readonly clock: Clock }

/** Files of one version that come at the same moment (a build for many platforms) each win once in so many rounds. */
const MOST_ATTEMPTS = 40
const LONGEST_PAUSE_MS = 50

/** Lands the bytes, then commits the plan. A plan that lost a race is made anew; the bytes stay landed and are collected if nothing refers to them. */
export async function publish(parts: PublishParts, scope: Scope, request: PublishRequest): Promise<PublishResult> {
  for (let attempt = 1; ; attempt++) {
    const state = await readState(parts, scope, request)
    const plan = planPublish(scope, request, state, { now: parts.clock.now(), id: randomUUID })
    // Also where nothing changes: that is how somebody brings back bytes that were lost or damaged here.
    if (attempt === 1) await land(request.file)
    if (plan.outcome === 'unchanged') return { outcome: 'unchanged', version: request.version }
    try {
      await parts.store.commit(plan.changes)
      return { outcome: plan.outcome, version: request.version }
    } catch (error) {
      if (!(error instanceof RegistryError && error.code === 'conflict')) throw error
      if (attempt === MOST_ATTEMPTS) throw stillChanging(request, error)
    }
    await delay(Math.random() * Math.min(LONGEST_PAUSE_MS, 5 * attempt))
  }
}

/** The plan found no conflict, only the moment was bad: not an answer that says that the file is there already. */
const stillChanging = ({ name, version }: PublishRequest, cause: unknown): RegistryError =>
  new RegistryError('busy', `${displayName(name)} ${version} is being changed by others; try again`, {
    retryAfter: 1,
    cause,
  })

async function land(file: PublishedFile): Promise<void> {
  await file.sideCar?.commit()
  await file.blob.commit()
}

async function readState(parts: PublishParts, scope: Scope, { name, version }: PublishRequest): Promise<PublishState> {
  const { store } = parts
  const domain = scope.domain.name
  const [origin, versions] = await Promise.all([
    originFacts(parts, scope, name),
    store.listVersions(domain, [scope.repository.name], name.format, name.key),
  ])
  return { origin, versions, offeredUpstream: await isOffered(store, scope, origin, version) }
}

/**
 * Where a name may come from both sides, a version that upstream has is taken; where the sides are merged, what is published here comes
 * before it. Only what is known here is asked.
 */
async function isOffered(store: MetadataStore, scope: Scope, origin: OriginFacts, version: string): Promise<boolean> {
  if (origin.merge !== undefined && origin.merge !== 'never') return false
  const along = searchPath(scope.view, scope.repository.name)
  if (!mayAskUpstream(origin, along)) return false
  for (const { connection } of connectionsAlong(scope.view, along, origin.name)) {
    const index = await store.findIndex(connection.name, origin.name.format, origin.name.key)
    if (index?.facts && (await hasVersion(index.facts, version))) return true
  }
  return false
}

/** Pure but for `id`. Throws `forbidden` where origin controls forbid it, `conflict` where the name is taken by other bytes. */
export function planPublish(
  scope: Scope,
  request: PublishRequest,
  state: PublishState,
  { now, id }: { now: Instant; id: () => string },
): { readonly outcome: PublishResult['outcome']; readonly changes: readonly Change[] } {
  const { name, version } = request
  const existing = state.versions.find((candidate) => candidate.version === version)
  const twin = existing?.assets.find((asset) => asset.file === request.file.asset.file)
  if (
    existing?.origin === 'INTERNAL' &&
    existing.status === 'Published' &&
    twin?.digests.sha256 === request.file.asset.digests.sha256
  ) {
    return { outcome: 'unchanged', changes: [] }
  }
  const refusal = publishRefusal(state.origin, scope.repository)
  if (refusal) {
    throw new RegistryError(
      'forbidden',
      `${displayName(name)} may not be published in ${scope.repository.name}: ${refusal}`,
      {
        resourceType: 'package',
        resourceId: displayName(name),
      },
    )
  }
  if (!existing && state.offeredUpstream) {
    throw new RegistryError('conflict', `${displayName(name)} ${version} exists upstream already`, {
      resourceType: 'package-version',
      resourceId: displayName(name),
    })
  }
  if (existing && (twin || !request.mayAddFiles || existing.status !== 'Published' || existing.origin !== 'INTERNAL')) {
    throw new RegistryError('conflict', request.conflictMessage, {
      resourceType: 'package-version',
      resourceId: displayName(name),
    })
  }
  return { outcome: existing ? 'added' : 'created', changes: changesOf(scope, request, state, existing, { now, id }) }
}

function changesOf(
  scope: Scope,
  request: PublishRequest,
  state: PublishState,
  existing: PackageVersion | undefined,
  { now, id }: { now: Instant; id: () => string },
): readonly Change[] {
  const { name, version } = request
  const at = { domain: scope.domain.name, repository: scope.repository.name, format: name.format, key: name.key }
  const revision = id()
  const record: Omit<PackageVersion, 'assets'> = existing
    ? { ...existing, revision }
    : {
        ...at,
        version,
        status: 'Published',
        revision,
        origin: 'INTERNAL',
        entryPoint: scope.repository.name,
        createdAt: now,
        publishedAt: now,
        license: request.license,
        metadata: request.metadata,
      }
  const explicit = state.origin.packages.some(
    (held) => held.repository === scope.repository.name && held.originIsExplicit,
  )
  const asset: Asset = { ...request.file.asset, createdAt: now }
  return [
    // A claim that races with the name's first arrival from upstream is refused unless a person allowed both.
    {
      change: 'own-name',
      domain: at.domain,
      format: at.format,
      key: at.key,
      evenIfIngested: explicit || state.origin.record?.owned === true,
    },
    { change: 'ensure-package', at, origin: AFTER_PUBLISH },
    existing
      ? { change: 'set-version', at: { ...at, version }, was: existing.revision, revision }
      : { change: 'create-version', version: record },
    { change: 'create-asset', at: { ...at, version }, asset },
    ...request.tags.map((tag) => ({ change: 'put-tag' as const, at, tag, version })),
    ...(request.firstTag === null ? [] : [{ change: 'ensure-tag' as const, at, tag: request.firstTag, version }]),
    {
      change: 'announce',
      event: packageVersionEvent(record, {
        id: id(),
        time: now,
        actor: actorOf(scope.caller),
        domainOwner: scope.domain.owner,
        administrator: scope.repository.administrator,
        operation: existing ? 'Updated' : 'Created',
        assets: { assetsAdded: 1 },
        metadataUpdated: true,
        statusChanged: !existing,
      }),
    },
  ]
}
