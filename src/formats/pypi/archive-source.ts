import { Readable } from 'node:stream'
import { RegistryError } from '../../registry/errors.ts'
import type { PendingBlob } from '../../registry/blob-store.ts'

const CHUNK = 256 * 1024

/** An uploaded archive, read where it lies. Nothing of it is ever unpacked to disk. */
export type ArchiveSource = {
  readonly file: string
  /** Bytes. */
  readonly size: number
  /** Reads until `into` is full or the archive ends; returns how many bytes that were. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Bytes of `[start, end)`. */
  stream(start: number, end: number): Readable
  /** What to throw for something that a reader of the archive threw: a broken archive is the sender's fault, a broken disk is not. */
  refusal(error: unknown): unknown
}

export function archiveSource(file: string, blob: Pick<PendingBlob, 'read' | 'size'>): ArchiveSource {
  let failure: { readonly error: unknown } | undefined
  const size = blob.size
  const read = async (into: Uint8Array, position: number): Promise<number> => {
    let filled = 0
    try {
      while (filled < into.length) {
        const count = await blob.read(into.subarray(filled), position + filled)
        if (count === 0) break
        filled += count
      }
    } catch (error) {
      failure = { error }
      throw error
    }
    return filled
  }
  async function* chunks(start: number, end: number) {
    for (let at = start; at < end;) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, end - at))
      const count = await read(buffer, at)
      if (count === 0) return
      at += count
      yield buffer.subarray(0, count)
    }
  }
  return {
    file,
    size,
    read,
    stream: (start, end) => Readable.from(chunks(start, end), { objectMode: false }),
    refusal: (error) => {
      if (failure) return failure.error
      if (error instanceof RegistryError) return error
      return refuse(file, error instanceof Error ? error.message : String(error), error)
    },
  }
}

export const refuse = (file: string, why: string, cause?: unknown): RegistryError =>
  new RegistryError('invalid', `${file} is not accepted: ${why}`, cause === undefined ? {} : { cause })

/** What resolvers read, and what may be kept beside a file: at most so many bytes. */
export const MAX_METADATA_BYTES = 16 * 1024 * 1024

// The public index's measure of an archive bomb: from 64 MiB on, not more than fifty times its size.
const UNSUSPECTED_BYTES = 64 * 1024 * 1024
const MAX_RATIO = 50

/** Throws where an archive's contents, `unpacked` bytes so far, are out of proportion. */
export function refuseBomb(source: ArchiveSource, unpacked: number): void {
  if (unpacked <= UNSUSPECTED_BYTES || unpacked <= MAX_RATIO * source.size) return
  throw refuse(source.file, `it unpacks to more than ${MAX_RATIO} times its size`)
}

/**
 * A name inside an archive that stays inside, on every system: no absolute path, drive, backslash, `..`, empty part or
 * control character. Returns what is wrong with it, null for nothing.
 */
export function memberNameFault(name: string): string | null {
  const parts = name.replace(/\/$/, '').split('/')
  const shown = JSON.stringify(name.slice(0, 120))
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) return `the name ${shown} of a file in it has a control character`
  if (/^[A-Za-z]:|\\/.test(name) || parts.some((part) => part === '' || part === '..' || part === '.')) {
    return `the name ${shown} of a file in it leads elsewhere or is not plain`
  }
  return null
}

/** Up to `limit` bytes of a stream; more is refused. */
export async function readBounded(
  source: ArchiveSource,
  stream: AsyncIterable<Uint8Array>,
  what: string,
  limit: number,
): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit) throw refuse(source.file, `its ${what} has more than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
