import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy'
import { RegistryError } from '../../registry/errors.ts'
import type { PendingBlob } from '../../registry/blob-store.ts'

/** In bytes. */
export type UploadLimits = { readonly file: number; readonly field: number; readonly fields: number }

export const DEFAULT_LIMITS: UploadLimits = { file: 1024 ** 3, field: 1024 ** 2, fields: 16 * 1024 ** 2 }

/** The fields that are read. What else a client sends about the package is taken from the archive itself. */
const KNOWN = [
  ':action',
  'protocol_version',
  'filetype',
  'pyversion',
  'name',
  'version',
  'md5_digest',
  'sha256_digest',
  'blake2_256_digest',
] as const
export type UploadField = (typeof KNOWN)[number]

export type UploadForm = {
  readonly fields: ReadonlyMap<UploadField, string>
  /** `name` as the client sent it. */
  readonly file: { readonly name: string; readonly blob: PendingBlob } | undefined
}

export type FormReading = {
  readonly limits: UploadLimits
  /** Called with the field `name` as soon as it arrives; what it throws ends the upload. */
  readonly onName: (name: string) => Promise<void>
  /** Where the file's bytes go. Whoever gives it disposes of it. */
  readonly beginBlob: () => Promise<PendingBlob>
}

/**
 * Reads an upload in whatever order its parts come, the file as a stream. A refusal waits until the body was read to its
 * end, since clients that are still sending see a broken pipe instead of the answer; only what is too large ends at once.
 */
export async function readUploadForm(
  body: Readable,
  headers: IncomingHttpHeaders,
  reading: FormReading,
): Promise<UploadForm> {
  const { limits } = reading
  const total = limits.file + limits.fields
  if (Number(headers['content-length'] ?? 0) > total) throw tooLarge(`The upload has more than ${total} bytes`)
  const form = openForm(headers, limits)
  const parts = collectParts(form, reading)
  try {
    await pipeline(body, (chunks: AsyncIterable<Uint8Array>) => atMost(total, chunks), form)
  } catch (error) {
    throw await parts.abandon(error)
  }
  return parts.finish()
}

function openForm(headers: IncomingHttpHeaders, limits: UploadLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': headers['content-type'] ?? '' },
      // Whole, so that a name with a folder in it is refused and not quietly shortened.
      preservePath: true,
      isPartAFile: (field) => field === 'content' || field === 'gpg_signature',
      limits: {
        fieldNameSize: 100,
        fieldSize: limits.field,
        fileSize: limits.file,
        parts: 5000,
        headerPairs: 50,
        headerSize: 16_384,
      },
    })
  } catch (error) {
    throw new RegistryError('unsupported_media', 'An upload is a form of the type multipart/form-data', {
      cause: error,
    })
  }
}

async function* atMost(limit: number, chunks: AsyncIterable<Uint8Array>) {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > limit) throw tooLarge(`The upload has more than ${limit} bytes`)
    yield chunk
  }
}

const tooLarge = (message: string): RegistryError => new RegistryError('too_large', message)
const invalid = (message: string): RegistryError => new RegistryError('invalid', message)

function collectParts(form: BusboyInstance, { limits, onName, beginBlob }: FormReading) {
  const fields = new Map<UploadField, string>()
  const refusals: unknown[] = []
  let size = 0
  let named = Promise.resolve()
  let stream: BusboyFileStream | undefined
  let receiving: Promise<UploadForm['file']> = Promise.resolve(undefined)

  form.on('field', (field, value, _fieldTruncated, truncated) => {
    size += value.length
    if (size > limits.fields) form.destroy(tooLarge(`The fields of an upload have at most ${limits.fields} bytes`))
    const known = KNOWN.find((each) => each === field)
    if (!known) return
    if (truncated) refusals.push(tooLarge(`The field ${known} has more than ${limits.field} bytes`))
    if (fields.has(known)) refusals.push(invalid(`The field ${known} was sent twice`))
    else if (known === 'name') named = quiet(Promise.resolve(value).then(onName))
    fields.set(known, value)
  })
  form.on('file', (field, part, fileName: string | undefined) => {
    if (field !== 'content' || stream) {
      if (stream && field === 'content') refusals.push(invalid('An upload has one file'))
      part.resume()
      return
    }
    stream = part
    part.once('limit', () => form.destroy(tooLarge(`A file has at most ${limits.file} bytes`)))
    receiving = quiet(receive(part, fileName ?? '', named, beginBlob))
  })
  return {
    async finish(): Promise<UploadForm> {
      await named
      const file = await receiving
      if (refusals.length > 0) throw refusals[0]
      return { fields, file }
    },
    /** Ends what is under way; returns what to throw for `cause`. */
    async abandon(cause: unknown): Promise<unknown> {
      stream?.destroy()
      await Promise.allSettled([receiving, named])
      if (cause instanceof RegistryError) return cause
      return new RegistryError('invalid', 'The upload ended early or is no well-formed form', { cause })
    },
  }
}

/** A promise that is awaited later: until then its failure is no unhandled one. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** Not one byte is written for a caller who may not publish the name, where the name came first. */
async function receive(
  part: BusboyFileStream,
  name: string,
  allowed: Promise<void>,
  beginBlob: () => Promise<PendingBlob>,
) {
  try {
    await allowed
    const blob = await beginBlob()
    // A part that was destroyed can no longer be read to its end, and the form waits for that.
    for await (const chunk of part.iterator({ destroyOnReturn: false })) await blob.write(chunk as Uint8Array)
    return { name, blob }
  } catch (error) {
    part.resume()
    throw error
  }
}
