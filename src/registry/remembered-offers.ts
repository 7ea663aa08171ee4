import { believedFreshness } from './believed-freshness.ts'
import { ByteLru } from './byte-lru.ts'
import type { HeldFileReads } from './held-files.ts'
import type { Instant, KeptSideCar } from './model.ts'
import type { ConnectionName, PackageName, RepositoryName } from './names.ts'
import type { AssetSelection, OfferedFile } from './offered.ts'
import type { Clock, MetadataStore, Revision } from './ports.ts'
import type { Scope } from './scope.ts'

// Resolvers ask for metadata of wheels that nobody installs: the wheel is not here, and to find out anew who offers it takes ten
// times as long as to answer.

/** What was found out about a file that is not here. What curation and the clock say of it is asked each time. */
export type KnownOffer = {
  readonly offered: OfferedFile
  readonly isOwned: boolean
  /** What is kept beside it; left out where nothing is, or where it could become another without anybody noticing. */
  readonly sideCar?: KeptSideCar
}

export type RememberedOffers = {
  /** Nothing is waited for where nothing is remembered: of most files that are asked for, since those are here. */
  find(
    scope: Scope,
    along: readonly RepositoryName[],
    name: PackageName,
    select: AssetSelection,
  ): Promise<KnownOffer | undefined> | undefined
  remember(scope: Scope, name: PackageName, select: AssetSelection, known: KnownOffer): void
}

type Remembered = { readonly known: KnownOffer; readonly topology: number; readonly package: number }

type Asked = {
  readonly scope: Scope
  readonly along: readonly RepositoryName[]
  readonly name: PackageName
  readonly file: string
}

const REMEMBERED_BYTES = 8_000_000
/** Of maps, objects and numbers, beside the texts in them. */
const OVERHEAD_BYTES = 1_000

/**
 * Remembers who offers a file for as long as all counters stand that it was made from: topology and rules, the package's, and the revision of
 * every index that was asked, each of which must be fresh besides. That the file has been fetched since moves none of them, so
 * that is asked of the store.
 */
export function rememberOffers({
  store,
  clock,
}: {
  readonly store: Pick<MetadataStore, 'readRevision'> & HeldFileReads
  readonly clock: Clock
}): RememberedOffers {
  const remembered = new ByteLru<Remembered>(REMEMBERED_BYTES)

  const readIndex = async (scope: Scope, name: PackageName, connection: ConnectionName): Promise<Revision['index']> => {
    const of = { domain: scope.domain.name, format: name.format, key: name.key, index: connection }
    return (await store.readRevision(of)).index
  }

  const findStanding = async (key: string, known: KnownOffer, { scope, along, name, file }: Asked) => {
    const now = clock.now()
    for (const { connection, revision } of known.offered.asked) {
      const isReadAlong = scope.index?.connection === connection
      const index = isReadAlong ? scope.index.read : await readIndex(scope, name, connection)
      if (index?.revision !== revision || !isFresh(index, now)) return undefined
    }
    if (!(await store.holdsFile(scope.domain.name, along, name.format, name.key, file))) return known
    // It will be asked for again, and the store's answer costs as much as all else that is asked of it.
    remembered.delete(key)
    return undefined
  }

  return {
    find(scope, along, name, select) {
      const key = keyOf(scope, name, select)
      const entry = remembered.get(key)
      if (!entry || entry.topology !== scope.view.counter || entry.package !== scope.packageCounter) return undefined
      return findStanding(key, entry.known, { scope, along, name, file: select.file })
    },

    remember(scope, name, select, known) {
      // What depends on more than counters is found out each time.
      if (scope.packageCounter === null || known.offered.asked.length === 0) return
      const key = keyOf(scope, name, select)
      const kept = known.sideCar && isSettled(known) ? known : { offered: known.offered, isOwned: known.isOwned }
      const { file, facts } = known.offered
      const bytes = OVERHEAD_BYTES + 2 * (key.length + JSON.stringify([file, facts]).length)
      remembered.set(key, { known: kept, topology: scope.view.counter, package: scope.packageCounter }, bytes)
    },
  }
}

const keyOf = ({ domain, repository }: Scope, { format, key }: PackageName, { file, path = '' }: AssetSelection) =>
  `${domain.name} ${repository.name} ${format} ${key} ${path} ${file}`

const isFresh = ({ freshUntil }: NonNullable<Revision['index']>, now: Instant): boolean =>
  now < believedFreshness(freshUntil, now)

/**
 * Its digest is declared by the index, or it was read out of the file, and the revision moves when that is done anew. An
 * upstream that declares no digest may give other bytes the next time.
 */
const isSettled = ({ offered }: KnownOffer): boolean => offered.file.sideCar !== true
