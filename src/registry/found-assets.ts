import type { PackageName, RepositoryName } from './names.ts'
import type { FoundAsset, MetadataStore } from './ports.ts'
import type { Scope } from './scope.ts'

const REMEMBERED = 20_000

export type FindAsset = (
  scope: Scope,
  along: readonly RepositoryName[],
  name: PackageName,
  file: string,
) => Promise<FoundAsset | undefined>

/**
 * Remembers where a file was found for as long as the counters stand that the request read: whatever could make it another
 * answer (a publish, a status, origin controls, an upstream of the repository) moves one of them. Only what was found is remembered: a
 * file that is fetched moves no counter.
 */
export function rememberFound(store: Pick<MetadataStore, 'findAsset'>): FindAsset {
  const remembered = new Map<
    string,
    { readonly found: FoundAsset; readonly topology: number; readonly package: number }
  >()
  return async (scope, along, name, file) => {
    const { view, packageCounter } = scope
    const key = [view.domain.name, scope.repository.name, name.format, name.key, file].join('\n')
    const known = remembered.get(key)
    if (known && known.topology === view.counter && known.package === packageCounter) return known.found
    const found = await store.findAsset(view.domain.name, along, name.format, name.key, file)
    if (!found || packageCounter === null) return found
    remembered.delete(key)
    remembered.set(key, { found, topology: view.counter, package: packageCounter })
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value as string)
    return found
  }
}
