import { etagOf } from './etag.ts'
import type { Hex, KeptSideCar } from './model.ts'
import type { ReadableBlob } from './blob-store.ts'
import { fetchSideCar, findKeptSideCar, type Offer, type SideCarParts } from './side-cars.ts'

type Options = {
  /** What was found of it before, under the same counters. */
  readonly known: KeptSideCar | undefined
  readonly remember: (kept: KeptSideCar) => void
  readonly fetching: Parameters<typeof fetchSideCar>[2]
}

/** What stands beside a file that is not here; undefined where there is nothing. */
export async function openSideCar(
  parts: SideCarParts & { readonly used: (sha256: Hex) => void },
  offer: Offer,
  options: Options,
) {
  const { name, file } = offer
  if (file.sideCar === null && !parts.sideCarsOf(name.format)?.has(file.file)) return undefined
  const found = await findOpen(parts, offer, options)
  if (!found) return undefined
  const { kept, body } = found
  const { sha256, size } = kept
  parts.used(sha256)
  const about = { file: `${file.file}.metadata`, version: file.version, sha256, etag: etagOf(kept), size }
  return { ...about, body, cache: 'hit' as const }
}

type Open = { readonly kept: KeptSideCar; readonly body: ReadableBlob }

async function findOpen(
  parts: SideCarParts,
  offer: Offer,
  { known, remember, fetching }: Options,
): Promise<Open | undefined> {
  const remembered = known && (await open(parts, known))
  if (remembered) return remembered
  const kept = await findKeptSideCar(parts, offer)
  const found = kept && (await open(parts, kept))
  if (found) {
    remember(kept)
    return found
  }
  // Lost from the store, or never here: it is fetched, and kept, so that a resolver finds it again when the upstream is gone.
  return open(parts, await fetchSideCar(parts, offer, fetching))
}

async function open({ blobs }: SideCarParts, kept: KeptSideCar): Promise<Open | undefined> {
  const body = await blobs.open(kept.sha256, kept)
  return body && { kept, body }
}
