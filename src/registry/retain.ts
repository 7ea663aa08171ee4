import { randomUUID } from 'node:crypto'
import type { VersionFacts } from '../policy/curation/rule.ts'
import type { AssetChanges } from './events.ts'
import { actorOf, packageVersionEvent } from './events.ts'
import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import type { Asset, Connection, IndexFile, Instant, PackageVersion, Repository } from './model.ts'
import type { PackageName } from './names.ts'
import { AFTER_INGEST } from './origin.ts'
import type { BlobStore, Landed } from './blob-store.ts'
import type { Clock, MetadataStore } from './ports.ts'
import type { Scope } from './scope.ts'

export type Retention = {
  readonly scope: Scope
  readonly name: PackageName
  readonly file: IndexFile
  readonly facts: VersionFacts
  /** What the format keeps about the version; null where its index is what tells. */
  readonly metadata: string | null
  readonly connection: Connection
  /** The repository that holds the connection. */
  readonly keeper: Repository
  /** The name was the domain's when it was asked for, and a person allowed that. One that became so since is not mixed with upstream's. */
  readonly evenIfOwned: boolean
  /** Its source is one of several, so the file itself says which. */
  readonly isMerged?: boolean
  readonly landed: Landed
}

/**
 * Keeps a file that was asked for and fetched: in the repository that was asked and in the one with the connection, in none
 * between (CodeArtifact's rule). Its owner is the upstream, so it alters no answer.
 */
export async function retain(
  parts: { store: MetadataStore; blobs: BlobStore; clock: Clock },
  retention: Retention,
): Promise<void> {
  const { name, scope, file } = retention
  const into = new Map([scope.repository, retention.keeper].map((repository) => [repository.name, repository]))
  // Another process may be retaining the same file: whoever comes second finds it there.
  for (let attempt = 1; ; attempt++) {
    const held = await parts.store.listVersions(scope.domain.name, [...into.keys()], name.format, name.key)
    // In one commit: a file that is held where it was asked for is not fetched again, and would never come to the other.
    const changes = [...into.values()].flatMap((repository) => {
      const existing = held.find((one) => one.repository === repository.name && one.version === file.version)
      if (existing?.assets.some((asset) => asset.file === file.file)) return []
      // What was published here stays as it was published: upstream's file of an equal version is served, not kept with it.
      if (existing?.origin === 'INTERNAL') return []
      return planRetention(retention, repository, existing, { now: parts.clock.now(), id: randomUUID })
    })
    if (changes.length === 0) return
    try {
      return await parts.store.commit(changes, { isReplaceable: true })
    } catch (error) {
      if (attempt === 3 || !(error instanceof RegistryError && error.code === 'conflict')) throw error
    }
  }
}

/** Pure but for `id`, which gives a fresh UUID at each call. */
export function planRetention(
  { name, scope, file, facts, metadata, connection, evenIfOwned, isMerged = false, landed }: Retention,
  repository: Repository,
  existing: PackageVersion | undefined,
  { now, id }: { now: Instant; id: () => string },
): readonly Change[] {
  const at = { domain: scope.domain.name, repository: repository.name, format: name.format, key: name.key }
  const version: Omit<PackageVersion, 'assets'> = existing ?? {
    ...at,
    version: file.version,
    status: 'Published',
    revision: id(),
    origin: 'EXTERNAL',
    entryPoint: connection.name,
    createdAt: now,
    publishedAt: facts.publishedAt ?? now,
    license: facts.license,
    metadata,
  }
  const added: AssetChanges = { assetsAdded: 1 }
  return [
    { change: 'ingest-name', domain: at.domain, format: at.format, key: at.key, evenIfOwned },
    { change: 'ensure-package', at, origin: AFTER_INGEST },
    ...(existing ? [] : [{ change: 'retain-version' as const, version }]),
    {
      change: 'retain-asset',
      at: { ...at, version: file.version },
      asset: { ...retainedAsset(file, landed, now), ...(isMerged && { entryPoint: connection.name }) },
    },
    {
      change: 'announce',
      event: packageVersionEvent(version, {
        id: id(),
        time: now,
        actor: actorOf(scope.caller),
        domainOwner: scope.domain.owner,
        administrator: repository.administrator,
        operation: existing ? 'Updated' : 'Created',
        assets: added,
        metadataUpdated: !existing,
        statusChanged: !existing,
      }),
    },
  ]
}

const retainedAsset = (file: IndexFile, landed: Landed, now: Instant): Asset => ({
  file: file.file,
  size: landed.size,
  // Bytes that were here already land with their sha256 alone; what the index declared of them was the same file's.
  digests: { ...file.digests, ...landed.digests },
  createdAt: now,
  path: file.path,
  sideCar: null,
  metadata: null,
})
