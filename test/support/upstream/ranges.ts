import type { SeenRequest, UpstreamAnswer } from './loopback-server.ts'

/** How a server answers those who ask for a part of a file. */
export type RangeManners =
  /** As the public index does: explicit ranges are given, suffixes refused. */
  | 'faithful'
  /** It knows nothing of them, as many a file server. */
  | 'none'
  /** It says that it knows, and sends the whole. */
  | 'claimed'
  /** Another range than was asked for, and it says so. */
  | 'shifted'
  /** The right header over other bytes, from the beginning of the file. */
  | 'wrong-bytes'
  /** Of a file that is larger by one. */
  | 'other-total'
  | 'no-content-range'
  /** Some bytes more than the header says, without a length. */
  | 'too-many'
  | 'encoded'
  /** Another ETag at each request. */
  | 'unsteady'
  /** The same, and it does not look at `If-Range`. */
  | 'careless'
  /** HEAD is refused. */
  | 'no-head'

/** A file's answer as a request for a part of it gets it. */
export function inRange(answer: UpstreamAnswer, request: SeenRequest, manners: RangeManners): UpstreamAnswer {
  if (answer.document || answer.status !== 200) return answer
  if (manners === 'no-head' && request.method === 'HEAD') return refused(405)
  if (manners === 'none') return answer
  const headers: Record<string, string> = { ...answer.headers, 'accept-ranges': 'bytes' }
  if (manners === 'unsteady' || manners === 'careless') headers['etag'] = `"${Math.random()}"`
  const whole = { ...answer, headers }
  const { range, 'if-range': condition } = request.headers
  if (range === undefined || manners === 'claimed') return whole
  if (condition !== undefined && condition !== headers['etag'] && manners !== 'careless') return whole
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? []
  if (first === undefined) return refused(501)
  const size = answer.body.length
  const [start, end] = [Number(first), Math.min(last ? Number(last) : Infinity, size - 1)]
  if (start >= size) return { ...refused(416), headers: { 'content-range': `bytes */${size}` } }
  return { ...whole, ...part(answer.body, start, end, manners, headers), status: 206 }
}

function part(
  body: Uint8Array,
  start: number,
  end: number,
  manners: RangeManners,
  headers: Readonly<Record<string, string>>,
): Pick<UpstreamAnswer, 'headers' | 'body'> {
  const of = (from: number, to: number, size = body.length) => ({
    ...headers,
    'content-range': `bytes ${from}-${to}/${size}`,
  })
  const bytes = body.subarray(start, end + 1)
  switch (manners) {
    case 'shifted':
      return { headers: of(0, end - start), body: body.subarray(0, end - start + 1) }
    case 'wrong-bytes':
      return { headers: of(start, end), body: body.subarray(0, end - start + 1) }
    case 'other-total':
      return { headers: of(start, end, body.length + 1), body: bytes }
    case 'no-content-range':
      return { headers, body: bytes }
    case 'too-many':
      return { headers: of(start, end), body: Buffer.concat([bytes, Buffer.from('more')]) }
    case 'encoded':
      return { headers: { ...of(start, end), 'content-encoding': 'gzip' }, body: bytes }
    default:
      return { headers: of(start, end), body: bytes }
  }
}

const refused = (status: number): UpstreamAnswer => ({ status, headers: {}, body: new Uint8Array(), document: true })
