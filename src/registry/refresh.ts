import { RegistryError } from './errors.ts'
import type { CachedIndex, IndexVersion } from './model.ts'
import { displayName, type ConnectionName, type PackageName } from './names.ts'
import { findUpstream, type ReadOptions } from './offered.ts'
import { mayAskUpstream } from './origin.ts'
import type { MetadataStore, Upstream } from './ports.ts'
import { countVersions, differingVersions, packFacts } from './packed-facts.ts'
import { originFacts } from './read.ts'
import type { Scope } from './scope.ts'
import { connectionsAlong, searchPath } from './topology.ts'

/** What an upstream said when it was asked at once, beside what it had said before. */
export type Refreshed = {
  readonly connection: ConnectionName
  readonly state: 'present' | 'absent'
  /** Nothing was known of it before: all of it is new, and nothing is listed. */
  readonly isFirst: boolean
  /** Versions that it offers now. */
  readonly versions: number
  readonly added: readonly string[]
  readonly withdrawn: readonly string[]
  /** Deprecated on npm, yanked on PyPI. */
  readonly discouraged: readonly string[]
  /** No longer so. */
  readonly encouraged: readonly string[]
}

type RefreshParts = {
  readonly store: Pick<MetadataStore, 'findName' | 'findPackages' | 'findIndex'>
  readonly upstream: Upstream
}

/**
 * Asks the upstream of a package now, however fresh its index is; all of them, where they are merged. Throws `forbidden` where no upstream may hear the name, `not_found` where
 * there is none to ask, `upstream_down` where it does not answer.
 */
export async function refreshPackage(
  { store, upstream }: RefreshParts,
  scope: Scope,
  name: PackageName,
  { deadline }: Pick<ReadOptions, 'deadline'>,
): Promise<Refreshed> {
  const along = searchPath(scope.view, scope.repository.name)
  const origin = await originFacts({ store }, scope, name)
  if (!mayAskUpstream(origin, along))
    throw new RegistryError(
      'forbidden',
      `No upstream may be asked for ${displayName(name)}: it belongs to the domain, or is blocked`,
    )
  const connections = [...new Set(connectionsAlong(scope.view, along, name).map(({ connection }) => connection))]
  const before = new Map<ConnectionName, CachedIndex>()
  for (const connection of connections) {
    const known = await store.findIndex(connection.name, name.format, name.key)
    if (known) before.set(connection.name, known)
  }
  const wasHere = origin.record?.ingested ?? false
  const options = { deadline, force: true, whileRevalidating: false, wasHere }
  const isMerged = origin.merge !== undefined && origin.merge !== 'never'
  const found = isMerged
    ? await Promise.all(
        connections.map(async (connection) => ({
          connection,
          ...(await upstream.readIndex(connection, name, options)),
        })),
      )
    : [await findUpstream({ upstream }, scope, name, along, options)].filter((one) => one !== null)
  const silent = found.find(({ stale }) => stale)
  if (silent)
    throw new RegistryError(
      'upstream_down',
      `${silent.connection.name} could not be asked for ${displayName(name)} now`,
      { retryAfter: 5 },
    )
  const compared = await Promise.all(
    found.map(async ({ connection, index }) => ({
      connection: connection.name,
      ...(await compare(before.get(connection.name), index)),
    })),
  )
  // Of several that are merged, the first that has it stands for them.
  const first = compared.find(({ state }) => state === 'present') ?? compared[0]
  if (!first)
    throw new RegistryError('not_found', `${scope.repository.name} draws ${displayName(name)} from nowhere`, {
      resourceType: 'package',
    })
  return { ...first, ...together(compared) }
}

type Changed = Pick<Refreshed, 'added' | 'withdrawn' | 'discouraged' | 'encouraged'>

function together(compared: readonly Changed[]): Changed {
  const all = (which: keyof Changed) => [...new Set(compared.flatMap((one) => one[which]))]
  return {
    added: all('added'),
    withdrawn: all('withdrawn'),
    discouraged: all('discouraged'),
    encouraged: all('encouraged'),
  }
}

async function compare(before: CachedIndex | undefined, after: CachedIndex): Promise<Omit<Refreshed, 'connection'>> {
  const old = before?.state === 'present' ? before.facts : null
  const now = after.state === 'present' ? after.facts : null
  const versions = now ? await countVersions(now) : 0
  const about = { state: after.state, isFirst: before === undefined, versions }
  const isSame = before?.revision === after.revision
  if (isSame || before === undefined) return { ...about, ...changesOf([], []) }
  const differing = await differingVersions(old ?? NOTHING, now ?? NOTHING)
  return { ...about, ...changesOf(differing.before, differing.after) }
}

const NOTHING = packFacts({ versions: [], files: [], serial: null })

/** Pure: what a person wants to know of versions that differ. */
function changesOf(before: readonly IndexVersion[], after: readonly IndexVersion[]): Changed {
  const old = new Map(before.map((one) => [one.version, one]))
  const now = new Map(after.map((one) => [one.version, one]))
  const names = (versions: readonly IndexVersion[]) => versions.map(({ version }) => version)
  return {
    added: names(after.filter(({ version }) => !old.has(version))),
    withdrawn: names(before.filter(({ version }) => !now.has(version))),
    discouraged: names(after.filter(({ version, discouraged }) => discouraged && !old.get(version)?.discouraged)),
    encouraged: names(
      before.filter(
        ({ version, discouraged }) => discouraged && now.get(version)?.discouraged === undefined && now.has(version),
      ),
    ),
  }
}
