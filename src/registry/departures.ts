import { randomUUID } from 'node:crypto'
import type { Change } from './changes.ts'
import { managementEvent } from './events.ts'
import type { Asset, DeclaredDigests, Departure, IndexFile, Instant } from './model.ts'
import type { ConnectionName, PackageName } from './names.ts'
import type { MetadataStore } from './ports.ts'

// What was fetched stays as it was fetched. How its upstream's index departs from it is found out when that index changes (not
// when somebody asks for the package), noted on the kept file, and announced with the note: so each departure is announced once.

export type Retained = Awaited<ReturnType<MetadataStore['listRetained']>>[number]

/** A kept file of which something else has to be noted than is. */
export type Departing = Retained & {
  readonly asset: Asset
  readonly departure: Departure | null
  /** What the index said of it before is what was said of the bytes that are kept: worth keeping, for it is said no more. */
  readonly wantsExcerpt: boolean
}

export const STRONGEST_FIRST = ['sha512', 'sha384', 'sha256', 'sha1', 'md5'] as const

/** Higher is stronger; 0 for no digest at all. */
function strength(declared: DeclaredDigests): number {
  const at = STRONGEST_FIRST.findIndex((algorithm) => declared[algorithm] !== undefined)
  return at < 0 ? 0 : STRONGEST_FIRST.length - at
}

/** The index says that the file has other bytes than those that are kept. What only one of them knows says nothing. */
export const isOtherThan = (kept: DeclaredDigests, declared: DeclaredDigests): boolean =>
  STRONGEST_FIRST.some((algorithm) => {
    const ours = kept[algorithm]
    const theirs = declared[algorithm]
    return ours !== undefined && theirs !== undefined && ours.toLowerCase() !== theirs.toLowerCase()
  })

function isWeaker({ departure }: Asset, offered: IndexFile, before: IndexFile | undefined): boolean {
  const now = strength(offered.digests)
  if (departure?.is === 'weaker') return now <= strength(departure.declares)
  return before !== undefined && now < strength(before.digests)
}

function departureOf(
  asset: Asset,
  offered: IndexFile | undefined,
  before: IndexFile | undefined,
): Departure['is'] | null {
  if (!offered) return 'withdrawn'
  if (isOtherThan(asset.digests, offered.digests)) return 'other'
  return isWeaker(asset, offered, before) ? 'weaker' : null
}

/**
 * What has to be noted now that the index offers `offers` (null: says that there is no such package) where it offered `before`.
 * Of both, files that were not fetched are of no interest.
 */
export function findDepartures(
  retained: readonly Retained[],
  offers: readonly IndexFile[] | null,
  before: readonly IndexFile[],
  now: Instant,
): readonly Departing[] {
  const byFile = (files: readonly IndexFile[] | null) => new Map(files?.map((one) => [one.file, one] as const))
  const [offered, earlier] = [byFile(offers), byFile(before)]
  return retained.flatMap(({ owner, version }) =>
    version.assets.flatMap((asset): Departing[] => {
      const [offer, was] = [offered.get(asset.file), earlier.get(asset.file)]
      const is = departureOf(asset, offer, was)
      const departure = is && { is, declares: offer?.digests ?? {}, since: now }
      if (isSame(asset.departure ?? null, departure)) return []
      const wantsExcerpt = !asset.departure && was !== undefined && !isOtherThan(asset.digests, was.digests)
      return [{ owner, version, asset, departure, wantsExcerpt }]
    }),
  )
}

const isSame = (a: Departure | null, b: Departure | null): boolean =>
  a?.is === b?.is && STRONGEST_FIRST.every((algorithm) => a?.declares[algorithm] === b?.declares[algorithm])

const EVENT_TYPE = {
  withdrawn: 'Upstream Version Withdrawn',
  other: 'Upstream Integrity Changed',
  weaker: 'Upstream Integrity Changed',
} as const satisfies Record<Departure['is'], string>

/** Notes them, and announces them once per domain and version, however many of its repositories keep it. */
export function planDepartures(
  departing: readonly Departing[],
  about: {
    readonly connection: ConnectionName
    readonly name: PackageName
    /** What the index said of the files before, by file name. */
    readonly excerpts: Readonly<Record<string, string>>
  },
): readonly Change[] {
  const notes = departing.map(({ version, asset, departure, wantsExcerpt }): Change => {
    const { domain, repository, format, key } = version
    const metadata = wantsExcerpt ? about.excerpts[asset.file] : undefined
    return {
      change: 'note-departure',
      at: { domain, repository, format, key, version: version.version },
      file: asset.file,
      was: asset.departure ?? null,
      departure,
      ...(metadata !== undefined && { metadata }),
    }
  })
  const news = departing.filter((one) => one.departure !== null)
  const announced = Map.groupBy(
    news,
    ({ version, departure }) => `${version.domain} ${version.version} ${departure && EVENT_TYPE[departure.is]}`,
  )
  return [...notes, ...[...announced.values()].map((same) => announcement(same, about))]
}

/** `same`: of one version in one domain, all withdrawn or all otherwise departed. */
function announcement(
  same: readonly Departing[],
  { connection, name }: { readonly connection: ConnectionName; readonly name: PackageName },
): Change {
  const { owner, version, departure } = same[0] as Departing
  const files = new Map(same.map((one) => [one.asset.file, one]))
  const event = managementEvent({
    id: randomUUID(),
    type: EVENT_TYPE[(departure as Departure).is],
    time: (departure as Departure).since,
    actor: 'granary:system',
    account: owner,
    domain: version.domain,
    detail: {
      domainName: version.domain,
      domainOwner: owner,
      repositoryNames: [...new Set(same.map((one) => one.version.repository))],
      connection,
      packageFormat: name.format,
      packageNamespace: name.namespace,
      packageName: name.name,
      packageVersion: version.version,
      files: [...files.values()].map(describeFile),
    },
  })
  return { change: 'announce', event }
}

const describeFile = ({ asset: { file, digests }, departure }: Departing) => ({
  file,
  kept: digests,
  ...(departure?.is !== 'withdrawn' && {
    offered: departure?.declares,
    change: departure?.is === 'other' ? 'other bytes' : 'weaker digests',
  }),
})
