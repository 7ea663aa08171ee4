import { OutboundError } from '../outbound/outbound-error.ts'
import type { OutboundResponse } from '../outbound/request.ts'
import type { ByteRange } from '../registry/file-parts.ts'
import { RegistryError } from '../registry/errors.ts'
import type { Connection, Instant } from '../registry/model.ts'
import { ask, type AskParts } from './ask.ts'
import { goneUpstream } from './offered-file.ts'

// RFC 9110, section 14, from the side that asks. Nothing that comes this way can be held against a digest, so at least it has
// to be what was asked for, of the file that was asked before.

/** What tells one state of a file from another: its strong ETag, else its Last-Modified; null where it has neither. */
export type Validator = string | null

export type RangeRequest = {
  readonly connection: Connection
  readonly what: string
  readonly url: string
  readonly range: ByteRange
  /** Bytes in all, as they have to be; null where nobody knows. */
  readonly total: number | null
  /** undefined: this is the first that is asked of the file. */
  readonly validator: Validator | undefined
  readonly deadline: Instant
}

export type RangeAnswer = {
  readonly bytes: Uint8Array
  readonly total: number
  readonly validator: Validator
}

/** The upstream does not give this file in parts, which is no failure of it. */
export class RangeRefused extends RegistryError {
  /** changed: it is another file than it was, or than its index says. incapable: it would not give parts of any other either. */
  readonly why: 'changed' | 'incapable'

  constructor(why: RangeRefused['why'], message: string) {
    super('mismatch', message)
    this.why = why
  }
}

/** What servers answer that know nothing of ranges, of HEAD, or of these for this caller. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 405, 406, 416, 501])
const RANGE_ANSWERS: ReadonlySet<number> = new Set([206, ...REFUSALS])

const changed = (message: string) => new RangeRefused('changed', message)
const incapable = (message: string) => new RangeRefused('incapable', message)

/** Exactly these bytes. Throws `RangeRefused`, `not_found`, and what `ask` throws. */
export async function fetchRange(parts: AskParts, asked: RangeRequest): Promise<RangeAnswer> {
  const { connection, what, url, range, validator, deadline } = asked
  const request = {
    connection,
    kind: 'range' as const,
    what,
    url,
    headers: {
      accept: '*/*',
      'accept-encoding': 'identity',
      // Never a suffix: some servers take `-N` for `0-N`, and others refuse it.
      range: `bytes=${range.start}-${range.end}`,
      ...(validator && { 'if-range': validator }),
    },
    deadline,
    answers: RANGE_ANSWERS,
  }
  return ask(parts, request, async (response) => {
    const answered = checkRange(response, asked)
    return { ...answered, bytes: await readExactly(response, range.end - range.start + 1, what) }
  })
}

function checkRange(response: OutboundResponse, asked: RangeRequest): Omit<RangeAnswer, 'bytes'> {
  const { status, headers } = response
  const { connection, what, range, total, validator } = asked
  if (status === 404 || status === 410) throw goneUpstream(connection, what)
  if (status === 416) throw total === null ? incapable('416') : changed('the range lies outside of it')
  // With If-Range, 200 says that it is another file now; without, that ranges mean nothing here.
  if (status === 200 && validator) throw changed('it was sent whole')
  if (status !== 206) throw incapable(`the answer was ${status}`)
  if (!isPlain(headers)) throw incapable('it was sent encoded')
  const [, start, end, of] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(headers['content-range'] ?? '') ?? []
  const isAsAsked = Number(start) === range.start && Number(end) === range.end
  if (of === undefined || !isAsAsked) throw incapable('another range came than was asked for')
  if (total !== null && Number(of) !== total) throw changed(`it has ${of} bytes instead of ${total}`)
  const length = headers['content-length']
  if (length !== undefined && Number(length) !== range.end - range.start + 1)
    throw incapable('another length came than was asked for')
  const now = validatorOf(headers)
  if (validator !== undefined && now !== validator) throw changed('its validator is another')
  return { total: Number(of), validator: now }
}

/** Clients may undo an encoding, but a part of something encoded says nothing. */
const isPlain = (headers: OutboundResponse['headers']): boolean =>
  ['', 'identity'].includes((headers['content-encoding'] ?? '').trim().toLowerCase())

function validatorOf(headers: OutboundResponse['headers']): Validator {
  const etag = headers['etag'] ?? ''
  return /^"[^"]*"$/.test(etag) ? etag : (headers['last-modified'] ?? null)
}

async function readExactly({ body }: OutboundResponse, length: number, what: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let filled = 0
  for await (const chunk of body) {
    if (filled + chunk.length > length) throw incapable('more bytes came than were asked for')
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  if (filled < length) throw new OutboundError('reset', `a part of ${what} ended after ${filled} of ${length} bytes`)
  return bytes
}

/** How many bytes a file has, as its upstream says when asked for the headers alone. Throws `RangeRefused` where it does not. */
export async function fetchSize(
  parts: AskParts,
  asked: Pick<RangeRequest, 'connection' | 'what' | 'url' | 'deadline'>,
): Promise<number> {
  const { connection, what, url, deadline } = asked
  const request = {
    connection,
    kind: 'range' as const,
    what,
    url,
    method: 'HEAD' as const,
    headers: { accept: '*/*', 'accept-encoding': 'identity' },
    deadline,
    answers: REFUSALS,
  }
  return ask(parts, request, async ({ status, headers }) => {
    if (status === 404 || status === 410) throw goneUpstream(connection, what)
    const length = headers['content-length'] ?? ''
    if (status !== 200 || !isPlain(headers) || !/^\d{1,15}$/.test(length))
      throw incapable('HEAD does not tell its size')
    return Number(length)
  })
}
