import { curate, rulesFor } from '../policy/curation/curate.ts'
import { ByteLru } from './byte-lru.ts'
import { RegistryError } from './errors.ts'
import type { CachedIndex, Connection, IndexFile, Instant } from './model.ts'
import type { FormatId, PackageName } from './names.ts'
import { factsOf } from './offered.ts'
import { findFiles, findVersion, listLackingSideCars } from './packed-facts.ts'
import type { Scope } from './scope.ts'
import { deriveSideCar, findKeptSideCar, type Offer, type SideCarParts } from './side-cars.ts'

// Resolvers ask for the newest versions first, and pip downloads a whole wheel where no `.metadata` is advertised. So those of
// the newest versions are read out of their files before a page of them is first shown.

/** A page waits no longer; what is under way by then is advertised as soon as it is known. */
const PATIENCE_MS = 2_000
const MOST_VERSIONS = 5
const MOST_FILES = 24
/** Of all pages together. */
const SIDE_BY_SIDE = 16
/** A file that gave nothing is not tried again for so long, … */
const TRIED_MS = 3600_000
/** … or, where its upstream could not be asked, for so long. */
const OUTAGE_MS = 5 * 60_000
const LONGEST_MS = 15_000
const REMEMBERED_BYTES = 2_000_000

export type PrepareParts = SideCarParts & { readonly versionKey: (format: FormatId, version: string) => string }

export type SideCarPreparation = {
  /** Before an index is shown. Returns whether it tried any: then the index is another by now. */
  prepare(
    scope: Scope,
    name: PackageName,
    index: { readonly connection: Connection; readonly index: CachedIndex },
    deadline: Instant,
  ): Promise<boolean>
  /** Somebody reads parts of the file, most likely for what is its side-car: whoever comes next is offered that. */
  deriveBehind(offer: Offer): void
}

export function sideCarPreparation(parts: PrepareParts): SideCarPreparation {
  const tried = new ByteLru<Instant>(REMEMBERED_BYTES)
  const underWay = new Map<string, Promise<void>>()
  const slots = new Slots(SIDE_BY_SIDE)

  const derive = (offer: Offer, until: Instant): Promise<void> => {
    const key = keyOf(offer)
    const already = underWay.get(key)
    if (already) return already
    const work = slots
      .take(async () => {
        const now = parts.clock.now()
        if (now >= until) return
        tried.set(key, now + TRIED_MS, key.length + 50)
        if (!(await findKeptSideCar(parts, offer))) await deriveSideCar(parts, offer, now + LONGEST_MS)
      })
      // Whatever it is, the page can do without; who asks for the file itself is told.
      .catch((error: unknown) => {
        const isFinal = error instanceof RegistryError && error.code === 'mismatch'
        if (!isFinal) tried.set(key, parts.clock.now() + OUTAGE_MS, key.length + 50)
      })
      .finally(() => underWay.delete(key))
    underWay.set(key, work)
    return work
  }

  const mayTry = (offer: Offer, now: Instant) => underWay.has(keyOf(offer)) || (tried.get(keyOf(offer)) ?? 0) <= now

  return {
    async prepare(scope, name, { connection, index }, deadline) {
      if (!index.facts || !parts.sideCarsOf(name.format)) return false
      const lacking = await likely(parts, scope, name, { connection, index })
      const now = parts.clock.now()
      const until = Math.min(now + PATIENCE_MS, deadline)
      const wanted = lacking.map((file) => ({ connection, name, file })).filter((offer) => mayTry(offer, now))
      if (wanted.length === 0) return false
      await atMost(until - now, Promise.all(wanted.map((offer) => derive(offer, until))))
      return true
    },
    deriveBehind(offer) {
      const { file, name } = offer
      const now = parts.clock.now()
      const isLacking = file.sideCar === null && file.digests.sha256 !== undefined
      if (isLacking && parts.sideCarsOf(name.format)?.has(file.file) && mayTry(offer, now))
        void derive(offer, now + PATIENCE_MS)
    },
  }
}

const keyOf = ({ connection, file }: Offer): string => `${connection.name} ${file.digests.sha256}`

/** Files of the newest versions that are not held back, and whose side-car is not known yet. */
async function likely(
  parts: PrepareParts,
  scope: Scope,
  name: PackageName,
  { connection, index }: { readonly connection: Connection; readonly index: CachedIndex },
): Promise<readonly IndexFile[]> {
  if (!index.facts) return []
  const order = await listLackingSideCars(index.facts)
  if (order.length === 0) return []
  const [listed, known] = await Promise.all([
    findFiles(index.facts, new Set(order)),
    parts.store.listDerivedSideCars(connection.name, name.format, name.key),
  ])
  const files = new Map(listed.map((file) => [file.file, file]))
  const derived = new Map(known.map((one) => [one.file, one.derivedFrom]))
  const versions = new Map<string, boolean>()
  const found: IndexFile[] = []
  for (const file of order.flatMap((each) => files.get(each) ?? [])) {
    if (!versions.has(file.version)) {
      if ([...versions.values()].filter(Boolean).length === MOST_VERSIONS) break
      versions.set(file.version, isAllowed(parts, scope, name, file, await findVersion(index.facts, file.version)))
    }
    const { sha256 } = file.digests
    const isWanted = sha256 !== undefined && derived.get(file.file) !== sha256.toLowerCase()
    if (versions.get(file.version) && isWanted && found.length < MOST_FILES) found.push(file)
  }
  return found
}

function isAllowed(
  { versionKey, clock }: PrepareParts,
  scope: Scope,
  name: PackageName,
  file: IndexFile,
  version: Parameters<typeof factsOf>[2],
): boolean {
  const rules = rulesFor(scope.view.rules, scope.repository)
  const facts = factsOf(name, file, version)
  return curate(rules, facts, clock.now(), (each) => versionKey(name.format, each)).allowed
}

/** Resolves when the work is done, or after so long. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, Math.max(ms, 0))
  await Promise.race([work, over])
  clearTimeout(timer)
}

/** So many at a time; the others wait in order. */
class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#free -= 1
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
