import { entryPointOf, onlyFiles } from './entry-points.ts'
import type { Asset, PackageVersion, Repository } from './model.ts'
import type { ConnectionName, PackageName } from './names.ts'
import type { FoundAsset, MetadataStore } from './ports.ts'
import type { Scope } from './scope.ts'
import { connectionsAlong } from './topology.ts'

// One connection gives a name, the first that has it, and all of its versions (where sources are not merged). So does it for what was fetched and
// lies in a repository along the way: that may have come through a lower one, for somebody who asked a repository in which that one is the first.

type Reads = { readonly store: Pick<MetadataStore, 'findIndex'> }

/**
 * The connection that gives the name, by what is kept of their indexes: the first that does not say it has no such package, though it may never
 * have been asked. undefined where none is left.
 */
export async function decidingAlong(
  { store }: Reads,
  { view }: Scope,
  along: readonly Repository[],
  name: PackageName,
): Promise<ConnectionName | undefined> {
  const connections = connectionsAlong(view, along, name)
  if (connections.length === 1) return connections[0]?.connection.name
  for (const { connection } of connections) {
    const index = await store.findIndex(connection.name, name.format, name.key)
    if (index?.state !== 'absent') return connection.name
  }
  return undefined
}

/** What was fetched through others than `deciding` is not shown. That of a connection which is none along the way any more stays. */
export function fetchedThrough(
  deciding: ConnectionName | undefined,
  held: readonly PackageVersion[],
  { view }: Scope,
  along: readonly Repository[],
  name: PackageName,
): readonly PackageVersion[] {
  const others = new Set<string>(connectionsAlong(view, along, name).map(({ connection }) => connection.name))
  if (deciding !== undefined) others.delete(deciding)
  const isGiven = (version: PackageVersion, asset: Asset): boolean =>
    asset.entryPoint === undefined
      ? deciding === undefined || !others.has(version.entryPoint)
      : // While sources were merged: their files are no one's but their connection's.
        asset.entryPoint === deciding
  return held.flatMap((version) => {
    if (version.origin === 'INTERNAL' || version.assets.length === 0) return [version]
    const [one] = onlyFiles([version], isGiven)
    const [first] = one?.assets ?? []
    return one && first ? [{ ...one, entryPoint: entryPointOf(one, first) }] : []
  })
}

/**
 * Whether a file that lies along the way is given out. What this very repository gave once stays at its address, for lock files, though another
 * connection gives the name now.
 */
export async function isGivenHere(
  parts: Reads,
  scope: Scope,
  along: readonly Repository[],
  name: PackageName,
  { version, asset }: FoundAsset,
  mayAskUpstream: () => Promise<boolean>,
): Promise<boolean> {
  if (version.origin === 'INTERNAL') return true
  const from = entryPointOf(version, asset)
  const isMerged = asset.entryPoint !== undefined
  if (isMerged && !(await mayAskUpstream())) return false
  if (!isMerged && version.repository === scope.repository.name) return true
  const connections = connectionsAlong(scope.view, along, name)
  if (connections[0]?.connection.name === from) return true
  if (!isMerged && !connections.some(({ connection }) => connection.name === from)) return true
  const deciding = await decidingAlong(parts, scope, along, name)
  return deciding === from || (!isMerged && deciding === undefined)
}
