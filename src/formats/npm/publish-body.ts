import { RegistryError } from '../../registry/errors.ts'
import { Base64Decoder } from './base64.ts'
import { isObject, ownMember, type JsonObject } from './json.ts'

/** What a publish's JSON may hold besides the tarball's text. */
const MAX_REST = 32 * 1024 * 1024
const MAX_DEPTH = 100
/** Bytes of a member's name, as escaped as it comes; none that matters is longer. */
const MAX_KEY = 4096

/** Where an attachment's bytes go, one piece after another; the next piece waits for the one before. */
type Sink = (bytes: Uint8Array) => Promise<void>

export type PublishBody = {
  /** The body without the text of its tarballs: `_attachments[file].data` is empty there. */
  readonly document: JsonObject
  /** File names of the tarballs that went to a sink. */
  readonly tarballs: readonly string[]
}

/**
 * Reads npm's publish body as it arrives: `_attachments[<file>.tgz].data` is decoded into a sink, whatever its size, and only the
 * rest is held in memory and parsed. Other attachments (`.sigstore`) are text and stay in the rest.
 */
export async function readPublishBody(
  body: AsyncIterable<Uint8Array>,
  openSink: (file: string) => Promise<Sink>,
): Promise<PublishBody> {
  const scanner = new PublishScanner()
  let sink: Sink | null = null
  for await (const chunk of body) {
    for (const piece of scanner.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
      if (typeof piece === 'string') sink = await openSink(piece)
      else if (piece.length > 0) await sink?.(piece)
    }
  }
  return scanner.finish()
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SLASH = 0x2f
const OPENING = new Set([0x7b, 0x5b])
const CLOSING = new Set([0x7d, 0x5d])
const OPENING_BRACE = 0x7b
const COMMA = 0x2c
const COLON = 0x3a

/**
 * Follows JSON byte by byte, just far enough to know the member that a string belongs to. It trusts the rest to `JSON.parse`,
 * which refuses whatever is not JSON: what went to a sink until then is thrown away.
 */
class PublishScanner {
  readonly #rest: Buffer[] = []
  #restBytes = 0
  readonly #tarballs: string[] = []
  /** One entry per open container: whether it is an object. */
  readonly #containers: boolean[] = []
  /** The current member at each of the three outer levels. */
  readonly #members: (string | undefined)[] = []
  #atKey = false
  /** The bytes of a key so far; null outside of keys that matter. */
  #key: number[] | null = null
  #inString = false
  #escaped = false
  #decoder: Base64Decoder | null = null;

  /** Gives the name of each tarball as its text begins, then its bytes. */
  *push(chunk: Buffer): Generator<string | Buffer> {
    let at = 0
    while (at < chunk.length) {
      if (this.#decoder) {
        const end = this.#endOfText(chunk, at)
        yield* this.#decode(this.#decoder, chunk.subarray(at, end))
        at = end
        if (at < chunk.length) this.#endTarball(this.#decoder)
        continue
      }
      const start = at
      let file: string | null = null
      while (at < chunk.length && file === null) file = this.#step(chunk[at++] as number)
      this.#keep(chunk.subarray(start, at))
      if (file === null) continue
      this.#decoder = new Base64Decoder()
      yield file
    }
  }

  finish(): PublishBody {
    const document = this.#parse()
    const attachments = document['_attachments']
    const named = isObject(attachments) ? Object.keys(attachments).filter(isTarball) : []
    // Members may be repeated in JSON, and the last one counts: what was decoded must be what the parsed document has.
    const seen = new Set(this.#tarballs)
    const agrees =
      seen.size === this.#tarballs.length && named.length === seen.size && named.every((file) => seen.has(file))
    const emptied = named.every((file) => {
      const attachment = isObject(attachments) ? ownMember(attachments, file) : undefined
      return isObject(attachment) && attachment['data'] === ''
    })
    if (!agrees || !emptied)
      throw new RegistryError('invalid', 'The attachments of the body are not in the form that npm publishes')
    return { document, tarballs: this.#tarballs }
  }

  #parse(): JsonObject {
    try {
      const document: unknown = JSON.parse(Buffer.concat(this.#rest).toString('utf8'))
      if (isObject(document)) return document
    } catch (cause) {
      throw new RegistryError('invalid', 'The body is not valid JSON', { cause })
    }
    throw new RegistryError('invalid', 'The body is not a JSON object')
  }

  #keep(bytes: Buffer): void {
    this.#restBytes += bytes.length
    if (this.#restBytes > MAX_REST) {
      throw new RegistryError('too_large', `The body has more than ${MAX_REST / 1024 / 1024} MiB besides its tarball`)
    }
    // A copy: the chunk is the reader's, and often far larger.
    this.#rest.push(Buffer.from(bytes))
  }

  /** Takes one byte of the rest. Returns the file name where it opens a tarball's text. */
  #step(byte: number): string | null {
    if (this.#inString) {
      this.#stepInString(byte)
      return null
    }
    if (byte === QUOTE) return this.#openString()
    if (OPENING.has(byte)) {
      if (this.#containers.push(byte === OPENING_BRACE) > MAX_DEPTH)
        throw new RegistryError('invalid', 'The body is nested too deeply')
      this.#members.length = Math.min(this.#members.length, this.#containers.length - 1)
    } else if (CLOSING.has(byte)) this.#containers.pop()
    if (byte === OPENING_BRACE || byte === COMMA) this.#atKey = this.#containers.at(-1) === true
    else if (byte === COLON) this.#atKey = false
    return null
  }

  #openString(): string | null {
    const depth = this.#containers.length
    if (!this.#atKey && depth === 3 && this.#members[0] === '_attachments' && this.#members[2] === 'data') {
      const file = this.#members[1] ?? ''
      if (isTarball(file)) {
        this.#tarballs.push(file)
        return file
      }
    }
    this.#inString = true
    if (this.#atKey && depth <= 3) {
      this.#key = []
      this.#members[depth - 1] = undefined
    }
    return null
  }

  #stepInString(byte: number): void {
    if (!this.#escaped && byte === QUOTE) {
      this.#inString = false
      if (this.#key) this.#members[this.#containers.length - 1] = textOf(this.#key)
      this.#key = null
      return
    }
    this.#escaped = !this.#escaped && byte === BACKSLASH
    if (this.#key && this.#key.push(byte) > MAX_KEY) this.#key = null
  }

  #endOfText(chunk: Buffer, from: number): number {
    const quote = chunk.indexOf(QUOTE, from)
    return quote < 0 ? chunk.length : quote
  }

  #endTarball(decoder: Base64Decoder): void {
    decoder.end()
    if (this.#escaped) throw new RegistryError('invalid', 'The attachment is not valid base64')
    this.#decoder = null
    // The quote that ends it goes to the rest as the end of an empty string.
    this.#inString = true
  }

  /** `\/` is the one escape that base64 in JSON can have. */
  *#decode(decoder: Base64Decoder, text: Buffer): Generator<Buffer> {
    let at = 0
    while (at < text.length) {
      if (this.#escaped && text[at] !== SLASH) throw new RegistryError('invalid', 'The attachment is not valid base64')
      this.#escaped = false
      const backslash = text.indexOf(BACKSLASH, at)
      const end = backslash < 0 ? text.length : backslash
      yield decoder.push(text.subarray(at, end))
      this.#escaped = backslash >= 0
      at = end + 1
    }
  }
}

const isTarball = (file: string): boolean => file.endsWith('.tgz')

function textOf(key: readonly number[]): string {
  try {
    return JSON.parse(`"${Buffer.from(key).toString('utf8')}"`) as string
  } catch (cause) {
    throw new RegistryError('invalid', 'The body is not valid JSON', { cause })
  }
}
