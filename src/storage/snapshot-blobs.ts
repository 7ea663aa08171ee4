import type { Hex } from '../registry/model.ts'
import type { TableRow } from './backup-file.ts'

/** A blob that rows of a snapshot refer to. */
export type SnapshotBlob = {
  readonly size: number
  /** Only rows refer to it that an upstream can make come again. */
  readonly cachedOnly: boolean
}

/** Collects, row by row, the blobs that a snapshot refers to, by the rule of `BlobLedger.listBlobs`. */
export class SnapshotBlobs {
  readonly #blobs = new Map<Hex, SnapshotBlob>()

  add({ table, row }: TableRow): void {
    switch (table) {
      case 'assets': {
        const cachedOnly = row['origin'] === 'EXTERNAL'
        this.#refer(row['sha256'], row['size'], cachedOnly)
        this.#refer(row['side_car_sha256'], row['side_car_size'], cachedOnly)
        break
      }
      case 'indexes':
        this.#refer(row['document_sha256'], row['document_size'], true)
        break
      case 'side_cars':
        this.#refer(row['sha256'], row['size'], true)
        break
    }
  }

  /** By sha256. */
  all(): readonly (SnapshotBlob & { readonly sha256: Hex })[] {
    return [...this.#blobs]
      .map(([sha256, blob]) => ({ sha256, ...blob }))
      .toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1))
  }

  #refer(sha256: unknown, size: unknown, cachedOnly: boolean): void {
    if (typeof sha256 !== 'string') return
    const others = this.#blobs.get(sha256)
    this.#blobs.set(sha256, { size: Number(size), cachedOnly: cachedOnly && (others?.cachedOnly ?? true) })
  }
}
