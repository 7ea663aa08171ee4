import type { ByteRange } from './file-parts.ts'
import type { Connection, IndexFile, Instant } from './model.ts'
import type { ReadableBlob } from './blob-store.ts'
import type { Clock, Download, Upstream } from './ports.ts'

// A file that is not here, for who wants its headers, or a part of it: its upstream sends no more than that.

export type ColdFile = {
  readonly size: number
  /** The whole file. It is fetched when it is first read. */
  readonly body: ReadableBlob
  /**
   * Only this range, without waiting for the rest: unverified, since the digest is the whole file's. null where it has to come
   * out of `body`.
   */
  part(range: ByteRange): Promise<ReadableBlob | null>
}

/** null where nobody says how large it is. */
export async function openCold(
  { upstream, clock }: { readonly upstream: Pick<Upstream, 'openRemote'>; readonly clock: Clock },
  { connection, file }: { readonly connection: Connection; readonly file: IndexFile },
  { deadline, download }: { readonly deadline: Instant; readonly download: () => Promise<Download> },
): Promise<ColdFile | null> {
  const open = () => upstream.openRemote(connection, file, { deadline })
  const known = file.size === null ? await open() : null
  const size = file.size ?? known?.size
  if (size === undefined) return null
  const body = new LaterBlob(size, download)
  return {
    size,
    body,
    async part(range) {
      const remote = known ?? (await open())
      const plan = remote ? await remote.planRange(range) : 'whole'
      if (!remote || plan === 'whole') return null
      if (plan === 'as-it-arrives') return body
      // Each piece has its time: the whole range may take as long as its reader does.
      const read = (piece: ByteRange) => remote.read(piece, Math.max(deadline, clock.now() + PIECE_MS))
      const first = await read({ start: range.start, end: Math.min(range.end, range.start + FIRST_PIECE - 1) })
      return first && new Part(size, range, first, read)
    },
  }
}

/** Downloads nothing before somebody reads. */
class LaterBlob implements ReadableBlob {
  readonly size: number
  readonly #download: () => Promise<Download>
  #begun: Promise<Download> | null = null

  constructor(size: number, download: () => Promise<Download>) {
    this.size = size
    this.#download = download
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.#begun ??= this.#download()
    return (await this.#begun).body.read(into, position)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const begun = await this.#begun?.catch(() => null)
    await begun?.body[Symbol.asyncDispose]()
  }
}

/** A long range comes in pieces, as its reader takes them: nothing is fetched that nobody reads. */
const FIRST_PIECE = 1024 * 1024
const PIECE = 4 * 1024 * 1024
const PIECE_MS = 30_000

type FetchPiece = (range: ByteRange) => Promise<Uint8Array | null>

class Part implements ReadableBlob {
  readonly size: number
  readonly #end: number
  readonly #fetch: FetchPiece
  #from: number
  #piece: Uint8Array

  /** `first`: the bytes that the range begins with. */
  constructor(size: number, { start, end }: ByteRange, first: Uint8Array, fetch: FetchPiece) {
    this.size = size
    this.#end = end
    this.#from = start
    this.#piece = first
    this.#fetch = fetch
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    if (position > this.#end) return 0
    if (position < this.#from || position >= this.#from + this.#piece.length) await this.#turnTo(position)
    const bytes = this.#piece.subarray(position - this.#from).subarray(0, into.length)
    into.set(bytes)
    return bytes.length
  }

  async #turnTo(position: number): Promise<void> {
    const piece = await this.#fetch({ start: position, end: Math.min(this.#end, position + PIECE - 1) })
    if (!piece) throw new Error('The upstream gives no more of a file of which a part was sent')
    this.#from = position
    this.#piece = piece
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
