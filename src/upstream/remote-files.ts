import { ByteLru } from '../registry/byte-lru.ts'
import type { ByteRange, RemoteFile, RemoteFiles } from '../registry/file-parts.ts'
import type { Connection, IndexFile, Instant } from '../registry/model.ts'
import type { BlobLedger } from '../registry/ports.ts'
import { originOf, outage, type AskParts } from './ask.ts'
import { fetchRange, fetchSize, RangeRefused, type Validator } from './ranges.ts'
import { fileKey, fileUrl } from './offered-file.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { within } from './within.ts'

export type RemoteFileParts = AskParts & {
  readonly store: Pick<BlobLedger, 'findBlob'>
  /** How much of a file that is just being fetched can be read already; null where it is not being fetched. */
  readonly arrived: (connection: Connection, file: IndexFile) => number | null
  readonly maxFileBytes: number
  readonly onMismatch: (connection: Connection, file: IndexFile, reason: string) => void
}

/** What a host was found to be unable to do is tried again after this long. */
const INCAPABLE_MS = 3600_000
/** A host whose parts were not those of the whole. */
const DISTRUSTED_MS = 24 * 3600_000
/** What was seen of a file counts for what follows within this time. */
const REMEMBERED_MS = 10 * 60_000
/** Of a file that is read to this part within that time, the rest is wanted as well. */
const MOST_IN_PARTS = 0.5
const REMEMBERED_BYTES = 1_000_000

type Seen = {
  readonly validator: Validator | undefined
  readonly total: number
  given: number
  readonly until: Instant
}

/** What a host may turn out to be unable to do. */
const partsOf = (connection: Connection, url: string) => `parts ${connection.name} ${originOf(url)}`
const headOf = (connection: Connection, url: string) => `head ${connection.name} ${originOf(url)}`

/** Files of upstreams, in parts and unverified, for who cannot wait for the whole. Nothing of it is stored. */
export function createRemoteFiles(parts: RemoteFileParts): RemoteFiles & Settling {
  const closedUntil = new ByteLru<Instant>(REMEMBERED_BYTES)
  const seen = new ByteLru<Seen>(REMEMBERED_BYTES)
  const ranges = new SingleFlight<Uint8Array | null>()
  const sizes = new SingleFlight<number | null>()

  const isClosed = (ability: string) => (closedUntil.get(ability) ?? 0) > parts.clock.now()
  const close = (ability: string, forMs: number) => {
    const until = Math.max(closedUntil.get(ability) ?? 0, parts.clock.now() + forMs)
    closedUntil.set(ability, until, ability.length + 50)
  }

  const seenOf = (key: string): Seen | undefined => {
    const known = seen.get(key)
    return known && known.until > parts.clock.now() ? known : undefined
  }

  /** What an upstream cannot do is no error: the file has to come whole then. */
  const orNull = async <T>(work: Promise<T>, ability: string, key: string): Promise<T | null> => {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof RangeRefused)) throw error
      if (error.why === 'incapable') close(ability, INCAPABLE_MS)
      seen.delete(key)
      return null
    }
  }

  const readRange = (
    connection: Connection,
    file: IndexFile,
    total: number,
    range: ByteRange,
    deadline: Instant,
  ): Promise<Uint8Array | null> => {
    const key = fileKey(connection, file)
    const url = fileUrl(connection, file)
    const work = async () => {
      const { validator } = seenOf(key) ?? { validator: undefined }
      const answer = await fetchRange(parts, { connection, what: file.file, url, range, total, validator, deadline })
      const { given = 0, until = parts.clock.now() + REMEMBERED_MS } = seenOf(key) ?? {}
      const known = { validator: answer.validator, total, given: given + answer.bytes.length, until }
      seen.set(key, known, key.length + 200)
      return answer.bytes
    }
    return ranges.run(`${key} ${range.start}-${range.end}`, () => orNull(work(), partsOf(connection, url), key))
  }

  const sizeOf = async (connection: Connection, file: IndexFile, deadline: Instant): Promise<number | null> => {
    if (file.size !== null) return file.size
    const key = fileKey(connection, file)
    const known = seenOf(key)
    if (known) return known.total
    const url = fileUrl(connection, file)
    if (isClosed(headOf(connection, url))) return null
    const asked = { connection, what: file.file, url, deadline }
    const total = await sizes.run(key, () => orNull(fetchSize(parts, asked), headOf(connection, url), key))
    if (total !== null)
      seen.set(
        key,
        { validator: undefined, total, given: 0, until: parts.clock.now() + REMEMBERED_MS },
        key.length + 200,
      )
    return total
  }

  const openRemote: RemoteFiles['openRemote'] = async (connection, file, { deadline }) => {
    const url = fileUrl(connection, file)
    // What comes in the clear is believed where a digest vouches for it, and none does for a part.
    if (new URL(connection.url).protocol === 'https:' && !url.startsWith('https:')) return null
    if (isClosed(partsOf(connection, url))) return null
    const size = await sizeOf(connection, file, deadline)
    if (size === null || size === 0 || size > parts.maxFileBytes) return null
    return {
      size,
      async read(range, by) {
        if (isClosed(partsOf(connection, url))) return null
        const reading = readRange(connection, file, size, range, by)
        return within(reading, by, parts.clock, () =>
          outage('slow', `${connection.name} did not send a part of ${file.file} in time`),
        )
      },
      async planRange({ start, end }) {
        const arrived = parts.arrived(connection, file)
        if (arrived !== null && start < arrived) return 'as-it-arrives'
        const { sha256 } = file.digests
        if (sha256 !== undefined && (await parts.store.findBlob(sha256.toLowerCase()))?.cachedOnly) return 'whole'
        const given = seenOf(fileKey(connection, file))?.given ?? 0
        return given + (end - start + 1) <= size * MOST_IN_PARTS ? 'in-parts' : 'whole'
      },
    } satisfies RemoteFile
  }

  return {
    openRemote,
    distrustParts(connection, file, reason) {
      close(partsOf(connection, fileUrl(connection, file)), DISTRUSTED_MS)
      parts.onMismatch(connection, file, reason)
    },
    settled: async () => {
      await Promise.all([ranges.settled(), sizes.settled()])
    },
  }
}
