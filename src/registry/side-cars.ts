import { createHash } from 'node:crypto'
import type { ByteRange, Steps } from './file-parts.ts'
import type { Ecosystem } from './ecosystem.ts'
import { RegistryError } from './errors.ts'
import type { Connection, Hex, IndexFile, Instant, KeptSideCar } from './model.ts'
import type { FormatId, PackageName } from './names.ts'
import type { BlobStore, Landed, ReadableBlob } from './blob-store.ts'
import type { Clock, Download, MetadataStore, Upstream } from './ports.ts'

// A side-car is a small file that stands beside a package file and is a part of it: PEP 658's `.metadata`. Where an upstream
// does not offer it, it is read out of the file itself: one that is here, parts of the remote one, or the whole of that.

export type SideCarParts = {
  readonly store: MetadataStore
  readonly blobs: BlobStore
  readonly upstream: Pick<Upstream, 'readSideCar' | 'openRemote' | 'distrustParts'>
  readonly clock: Clock
  /** `Ecosystem.sideCars` of the format. */
  readonly sideCarsOf: (format: FormatId) => Ecosystem['sideCars']
}

/** Where a file is offered, under which name. */
export type Offer = { readonly connection: Connection; readonly name: PackageName; readonly file: IndexFile }

type Made = {
  readonly bytes: Uint8Array
  /** The file's sha256, where it was read out of that. */
  readonly derivedFrom?: Hex
}

/** One source may not use up the time of the next. */
const LONGEST_STEP_MS = 10_000

/** What is kept of it and counts: it belongs to the bytes that the index declares now. */
export async function findKeptSideCar({ store }: SideCarParts, offer: Offer): Promise<KeptSideCar | undefined> {
  const { connection, name, file } = offer
  const kept = await store.findSideCar(connection.name, name.format, name.key, file.file)
  if (!kept) return undefined
  const isOfFile = kept.derivedFrom === null ? file.sideCar !== null : kept.derivedFrom === sha256Of(file)
  return isOfFile && isAsDeclared(file, kept.sha256) ? kept : undefined
}

/** From whichever source has it, and kept from then on. `download` fetches the whole file, the last of them. */
export async function fetchSideCar(
  parts: SideCarParts,
  offer: Offer,
  { deadline, download }: { readonly deadline: Instant; readonly download: () => Promise<Download> },
): Promise<KeptSideCar> {
  const failures: RegistryError[] = []
  for (const source of [fromStore, fromBeside, fromParts, () => fromWhole(parts, offer, download)]) {
    const made = await attempt(source(parts, offer, Math.min(deadline, parts.clock.now() + LONGEST_STEP_MS)), failures)
    if (!made) continue
    if (isAsDeclared(offer.file, sha256(made.bytes))) return keep(parts, offer, made)
    failures.push(new RegistryError('mismatch', 'its metadata is not what the index declares'))
  }
  throw failureOf(offer, failures)
}

/** Without downloading the whole file. null where that is not possible. */
export async function deriveSideCar(parts: SideCarParts, offer: Offer, deadline: Instant): Promise<KeptSideCar | null> {
  const made = (await fromStore(parts, offer)) ?? (await fromParts(parts, offer, deadline))
  return made && keep(parts, offer, made)
}

async function attempt(work: Promise<Made | null>, failures: RegistryError[]): Promise<Made | null> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    failures.push(error)
    return null
  }
}

function failureOf({ connection, file }: Offer, failures: readonly RegistryError[]): RegistryError {
  const last = failures.at(-1)
  if (last && last.code !== 'mismatch') return last
  const why = last?.message ?? 'it cannot be had'
  return new RegistryError('upstream_down', `${connection.name} gives no metadata of ${file.file}: ${why}`, {
    retryAfter: 60,
    cause: last,
  })
}

// ------------------------------------------------------------------------------------------------ the sources

async function fromStore(parts: SideCarParts, { name, file }: Offer): Promise<Made | null> {
  const derivedFrom = sha256Of(file)
  const record = derivedFrom === undefined ? undefined : await parts.store.findBlob(derivedFrom)
  // Only what upstreams gave, as with downloads: an index may declare the digest of somebody's private file.
  if (derivedFrom === undefined || !record?.cachedOnly) return null
  await using blob = await parts.blobs.open(derivedFrom, record)
  if (!blob) return null
  return { bytes: await extractFrom(parts, name, file.file, blob.size, blob), derivedFrom }
}

async function fromBeside({ upstream }: SideCarParts, offer: Offer, deadline: Instant): Promise<Made | null> {
  if (offer.file.sideCar === null) return null
  return { bytes: await upstream.readSideCar(offer.connection, offer.file, { deadline }) }
}

async function fromParts(parts: SideCarParts, offer: Offer, deadline: Instant): Promise<Made | null> {
  const { connection, name, file } = offer
  const derivedFrom = sha256Of(file)
  if (derivedFrom === undefined) return null
  // A file that changed between two parts is read once more from the beginning.
  for (const _ of ['first', 'again']) {
    const remote = await parts.upstream.openRemote(connection, file, { deadline })
    const steps = remote && parts.sideCarsOf(name.format)?.extract(file.file, remote.size)
    if (!remote || !steps) return null
    const bytes = await inSteps(steps, (range) => remote.read(range, deadline))
    if (bytes) return { bytes, derivedFrom }
  }
  return null
}

async function fromWhole(
  parts: SideCarParts,
  { name, file }: Offer,
  download: () => Promise<Download>,
): Promise<Made | null> {
  const { body, landed, size } = await download()
  await using whole = body
  // Its last bytes come when all of them were verified, and they are read first.
  const bytes = await extractFrom(parts, name, file.file, size ?? (await landed).size, whole)
  return { bytes, derivedFrom: (await landed).digests.sha256 }
}

/** Throws `mismatch` where the file does not have it as it should. */
async function extractFrom(
  { sideCarsOf }: Pick<SideCarParts, 'sideCarsOf'>,
  { format }: PackageName,
  file: string,
  size: number,
  blob: ReadableBlob,
): Promise<Uint8Array> {
  const steps = sideCarsOf(format)?.extract(file, size)
  const bytes =
    steps &&
    (await inSteps(steps, async ({ start, end }) => {
      const into = Buffer.alloc(end - start + 1)
      let filled = 0
      while (filled < into.length) {
        const read = await blob.read(into.subarray(filled), start + filled)
        if (read === 0) break
        filled += read
      }
      return into.subarray(0, filled)
    }))
  if (!bytes) throw new RegistryError('mismatch', `${file} has nothing beside it`)
  return bytes
}

async function inSteps(
  steps: Steps<Uint8Array>,
  read: (range: ByteRange) => Promise<Uint8Array | null>,
): Promise<Uint8Array | null> {
  for (let step = steps.next(); ;) {
    if (step.done) return step.value
    const given = await read(step.value)
    if (!given) return null
    step = steps.next(given)
  }
}

// ---------------------------------------------------------------------------------------------- what is kept

async function keep(parts: SideCarParts, offer: Offer, { bytes, derivedFrom }: Made): Promise<KeptSideCar> {
  await using pending = await parts.blobs.begin({ isReplaceable: true })
  await pending.write(bytes)
  const { digests, size } = await pending.commit()
  const { connection, name, file } = offer
  const kept = { file: file.file, sha256: digests.sha256, size }
  const known = await findKeptSideCar(parts, offer)
  // Many may have asked at once: pages are made anew for the first of them only.
  if (known?.sha256 === kept.sha256 && known.derivedFrom === (derivedFrom ?? null)) return known
  const at = { connection: connection.name, format: name.format, key: name.key }
  const change = { change: 'put-side-car' as const, ...at, ...kept, ...(derivedFrom && { derivedFrom }) }
  await parts.store.commit([change], { isReplaceable: true })
  // The file may have landed meanwhile, and whoever then looked for something to compare found nothing.
  const landed = derivedFrom === undefined ? undefined : await parts.store.findBlob(derivedFrom)
  return (
    (landed?.cachedOnly ? await compareWithLanded(parts, offer, landed.sha256) : undefined) ?? {
      ...kept,
      derivedFrom: derivedFrom ?? null,
    }
  )
}

/** A file is here in full, and verified: what was read out of parts of it has to be what is in it. */
export async function checkDerived(parts: SideCarParts, offer: Offer, landed: Landed): Promise<void> {
  const { connection, name, file } = offer
  const kept = await parts.store.findSideCar(connection.name, name.format, name.key, file.file)
  if (kept?.derivedFrom === landed.digests.sha256) await compareWithLanded(parts, offer, landed.digests.sha256)
}

/** Returns what is right where that was not what was kept. */
async function compareWithLanded(
  parts: SideCarParts,
  offer: Offer,
  derivedFrom: Hex,
): Promise<KeptSideCar | undefined> {
  const { connection, name, file } = offer
  const at = { connection: connection.name, format: name.format, key: name.key, file: file.file }
  await using blob = await parts.blobs.open(derivedFrom)
  const kept = await parts.store.findSideCar(at.connection, at.format, at.key, at.file)
  if (!blob || kept?.derivedFrom !== derivedFrom) return undefined
  const right = await extractFrom(parts, name, file.file, blob.size, blob).catch(whatIsUnsound)
  if (right && sha256(right) === kept.sha256) return undefined
  parts.upstream.distrustParts(connection, file, 'the metadata in its parts is not that of the whole file')
  if (right) return keep(parts, offer, { bytes: right, derivedFrom })
  await parts.store.commit([{ change: 'drop-side-car', ...at }])
  return undefined
}

function whatIsUnsound(error: unknown): null {
  if (error instanceof RegistryError && error.code === 'mismatch') return null
  throw error
}

const sha256 = (bytes: Uint8Array): Hex => createHash('sha256').update(bytes).digest('hex')

const sha256Of = ({ digests }: IndexFile): Hex | undefined => digests.sha256?.toLowerCase()

/** Clients hold it against the digest on the page, where that has one. */
const isAsDeclared = ({ sideCar }: IndexFile, digest: Hex): boolean =>
  sideCar === null || sideCar === true || sideCar.sha256.toLowerCase() === digest
