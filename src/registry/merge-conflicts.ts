import { randomUUID } from 'node:crypto'
import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { managementEvent, packageDetail } from './events.ts'
import { STRONGEST_FIRST } from './departures.ts'
import type { DeclaredDigests, Instant, Repository } from './model.ts'
import type { PackageName } from './names.ts'
import type { Dropped } from './plan-merge.ts'
import type { Clock, MetadataStore } from './ports.ts'
import type { Scope } from './scope.ts'
import { findMerge, searchPath } from './topology.ts'

// Two sources have other bytes under one file name: somebody should know. Each such file is noted in the store, and announced with
// the note: so once, however often pages are made and however many processes make them.

type Parts = { readonly store: Pick<MetadataStore, 'listMergeConflicts' | 'commit'>; readonly clock: Clock }

export async function announceDropped(
  { store, clock }: Parts,
  scope: Scope,
  name: PackageName,
  dropped: readonly Dropped[],
): Promise<void> {
  if (dropped.length === 0) return
  const setting = findMerge(scope.view, searchPath(scope.view, scope.repository.name), name)
  if (!setting) return
  const { domain, name: repository } = setting.repository
  const at = { domain, repository, format: name.format, key: name.key }
  for (let attempt = 1; ; attempt++) {
    const noted = new Set((await store.listMergeConflicts(at)).map(({ file, digest }) => `${digest} ${file}`))
    const news = dropped.filter((one) => !noted.has(keyOf(one)))
    if (news.length === 0) return
    try {
      return await store.commit(planAnnouncements(scope, setting.repository, name, news, clock.now()))
    } catch (error) {
      // Another process was quicker, or two sources drop the same: look again.
      if (attempt === 3 || !(error instanceof RegistryError && error.code === 'conflict')) throw error
    }
  }
}

const keyOf = ({ file, dropped }: Dropped): string => `${digestOf(dropped.digests)} ${file}`

/** The strongest. */
function digestOf(digests: DeclaredDigests): string {
  const algorithm = STRONGEST_FIRST.find((one) => digests[one] !== undefined)
  return algorithm === undefined ? '' : `${algorithm}:${digests[algorithm]?.toLowerCase()}`
}

/** One event for each version. */
function planAnnouncements(
  { domain }: Scope,
  repository: Repository,
  name: PackageName,
  dropped: readonly Dropped[],
  now: Instant,
): readonly Change[] {
  const at = { domain: domain.name, repository: repository.name, format: name.format, key: name.key }
  const each = [...new Map(dropped.map((one) => [keyOf(one), one])).values()]
  const byVersion = Map.groupBy(each, ({ version }) => version)
  return [
    ...each.map((one): Change => ({
      change: 'note-merge-conflict',
      at,
      file: one.file,
      digest: digestOf(one.dropped.digests),
    })),
    ...[...byVersion].map(([version, files]): Change => ({
      change: 'announce',
      event: managementEvent({
        id: randomUUID(),
        type: 'Merged File Dropped',
        time: now,
        actor: 'granary:system',
        account: domain.owner,
        domain: domain.name,
        detail: {
          ...packageDetail(domain, repository.name, name),
          packageVersion: version,
          files: files.map(({ file, kept, dropped: other }) => ({
            file,
            kept: { connection: kept.from, digests: kept.digests },
            dropped: { connection: other.from, digests: other.digests },
          })),
        },
      }),
    })),
  ]
}
