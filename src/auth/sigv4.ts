import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { RegistryError } from '../registry/errors.ts'
import type { Hex, Instant } from '../registry/model.ts'
import { canonicalRequest, headerValues, sha256OfLatin1, type RawHeaders } from './canonical-request.ts'

/** A request as it was received, before anything was decoded. */
export type ReceivedRequest = {
  readonly method: string
  readonly rawPath: string
  /** Without the question mark. */
  readonly rawQuery: string
  readonly headers: RawHeaders
  /** `streamed`: not read yet. Then x-amz-content-sha256 must declare its hash, and who reads it must compare it with `payloadSha256`. */
  readonly body: Uint8Array | 'streamed'
}

/** What a secret's owner is found by. May throw a `signatureRefusal` that says more than that there is none. */
export type FindSecret<C> = (
  accessKeyId: string,
  sessionToken: string | null,
) => Promise<{ readonly secret: string; readonly caller: C } | undefined>

type Claim = {
  readonly accessKeyId: string
  /** `20150830` */
  readonly day: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: Hex
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
const MAX_SKEW_MS = 5 * 60_000

/** AWS's names of these errors; STS, the older protocol, has its own. */
const AWS_CODES = {
  missing: ['MissingAuthenticationTokenException', 'MissingAuthenticationToken'],
  incomplete: ['IncompleteSignatureException', 'IncompleteSignature'],
  unknownKey: ['UnrecognizedClientException', 'InvalidClientTokenId'],
  expired: ['ExpiredTokenException', 'ExpiredToken'],
  mismatch: ['InvalidSignatureException', 'SignatureDoesNotMatch'],
  skewed: ['RequestTimeTooSkewed', 'RequestTimeTooSkewed'],
} as const

export const UNKNOWN_KEY = 'The security token included in the request is invalid.'

export const signatureRefusal = (service: string, why: keyof typeof AWS_CODES, message: string): RegistryError =>
  new RegistryError('unauthenticated', message, { awsCode: AWS_CODES[why][service === 'sts' ? 1 : 0] })

/**
 * Verifies AWS Signature Version 4 as the `Authorization` header carries it. Any region is accepted; the service must be the
 * one that the path belongs to. Throws `unauthenticated` with AWS's own words and, in `awsCode`, its name for the error.
 */
export async function verifySigV4<C>(
  request: ReceivedRequest & {
    /** `codeartifact`, `sts`, `granary` */
    readonly service: string
    /** Hosts of the configured public URLs: a proxy may have changed the one that the client signed. */
    readonly hosts: readonly string[]
    readonly now: Instant
    readonly findSecret: FindSecret<C>
  },
): Promise<{ readonly caller: C; readonly payloadSha256: Hex }> {
  refusePresigned(request)
  const claim = readClaim(request)
  const time = readTime(request, claim)
  checkSignedHeaders(request, claim)
  const payloadSha256 = declaredPayload(request)
  const sessionToken = headerValues(request.headers, 'x-amz-security-token')[0] ?? null
  const found = await request.findSecret(claim.accessKeyId, sessionToken)
  if (!found) throw signatureRefusal(request.service, 'unknownKey', UNKNOWN_KEY)
  const key = signingKey(found.secret, claim)
  const signed = hostsToTry(request).some((host) => {
    const headers = request.headers.map(
      ([name, value]) => [name, name.toLowerCase() === 'host' ? host : value] as const,
    )
    const canonical = canonicalRequest({ ...request, headers, signedHeaders: claim.signedHeaders, payloadSha256 })
    const text = [ALGORITHM, time, scopeOf(claim), sha256OfLatin1(canonical)].join('\n')
    return timingSafeEqual(hmac(key, text), Buffer.from(claim.signature, 'hex'))
  })
  if (!signed) {
    throw signatureRefusal(
      request.service,
      'mismatch',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    )
  }
  // After the signature: only who knows the secret learns that it is the body.
  if (request.body !== 'streamed' && sha256(request.body) !== payloadSha256) {
    throw signatureRefusal(
      request.service,
      'mismatch',
      'The body of the request is not the one that x-amz-content-sha256 declares.',
    )
  }
  return { caller: found.caller, payloadSha256 }
}

type Received = ReceivedRequest & { readonly service: string; readonly now: Instant; readonly hosts: readonly string[] }

/** Signatures in the query would be written to every log on the way, and no client of this API makes them. */
export function refusePresigned({ rawQuery, service }: { rawQuery: string; service: string }): void {
  if (!/(^|&)X-Amz-(Signature|Algorithm|Credential)=/i.test(rawQuery)) return
  throw signatureRefusal(
    service,
    'incomplete',
    'Presigned URLs are not accepted here: send the signature in the Authorization header.',
  )
}

function readClaim({ headers, service }: Received): Claim {
  const [value, ...more] = headerValues(headers, 'authorization')
  if (value === undefined) throw signatureRefusal(service, 'missing', 'Missing Authentication Token')
  const incomplete = (what: string) =>
    signatureRefusal(service, 'incomplete', `The Authorization header is not a valid ${ALGORITHM} signature: ${what}.`)
  if (more.length > 0) throw incomplete('it is there more than once')
  if (!value.startsWith(`${ALGORITHM} `)) throw incomplete(`it does not start with ${ALGORITHM}`)
  const fields = new Map(
    value
      .slice(ALGORITHM.length)
      .split(',')
      .map((field) => field.trim())
      .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)] as const),
  )
  const [accessKeyId, day, region, claimed, end, ...rest] = (fields.get('Credential') ?? '').split('/')
  if (!accessKeyId || !day || !region || !claimed || end !== 'aws4_request' || rest.length > 0) {
    throw incomplete('Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request')
  }
  const signedHeaders = fields.get('SignedHeaders')
  const signature = fields.get('Signature')
  if (!signedHeaders) throw incomplete('SignedHeaders is missing')
  if (!signature || !/^[0-9a-f]{64}$/.test(signature)) throw incomplete('Signature must have 64 hexadecimal digits')
  if (claimed !== service) {
    throw signatureRefusal(service, 'mismatch', `Credential should be scoped to correct service: '${service}'.`)
  }
  return { accessKeyId, day, region, service: claimed, signedHeaders: signedHeaders.split(';'), signature }
}

/** The time that was signed, as x-amz-date writes it: `20150830T123600Z`. */
function readTime({ headers, service, now }: Received, claim: Claim): string {
  const given = headerValues(headers, 'x-amz-date')[0]
  const time = given ?? basicIso(Date.parse(headerValues(headers, 'date')[0] ?? ''))
  const parts = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(time)
  const instant = parts ? Date.parse(time.replace(/^(.{4})(..)(..T..)(..)/, '$1-$2-$3:$4:')) : Number.NaN
  if (Number.isNaN(instant)) {
    throw signatureRefusal(
      service,
      'incomplete',
      'Date must be in ISO-8601 basic format in the x-amz-date header: 20150830T123600Z.',
    )
  }
  if (Math.abs(now - instant) > MAX_SKEW_MS) {
    const problem = instant < now ? 'Signature expired' : 'Signature not yet current'
    const message = `${problem}: the request is dated ${time}, the server's time is ${basicIso(now)}; they may differ by 5 minutes. Set the clock.`
    throw signatureRefusal(service, 'skewed', message)
  }
  if (!time.startsWith(claim.day)) {
    throw signatureRefusal(
      service,
      'mismatch',
      `Date in Credential scope does not match YYYYMMDD of the request's date: '${claim.day}' != '${time.slice(0, 8)}'.`,
    )
  }
  return time
}

const basicIso = (instant: Instant): string =>
  Number.isNaN(instant) ? '' : new Date(instant).toISOString().replace(/[-:]|\.\d+/g, '')

/** Whatever steers what a request means must be signed: the host, the time and every x-amz- header. */
function checkSignedHeaders({ headers, service }: Received, { signedHeaders }: Claim): void {
  const present = new Set(headers.map(([name]) => name.toLowerCase()))
  const required = [
    'host',
    present.has('x-amz-date') ? 'x-amz-date' : 'date',
    ...[...present].filter((name) => name.startsWith('x-amz-')),
  ]
  const unsigned = required.find((name) => !signedHeaders.includes(name))
  if (unsigned)
    throw signatureRefusal(service, 'mismatch', `'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`)
  const repeated = ['host', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token'].find(
    (name) => headerValues(headers, name).length > 1,
  )
  if (repeated) throw signatureRefusal(service, 'incomplete', `The header '${repeated}' is there more than once.`)
  const absent = signedHeaders.find((name) => !present.has(name))
  if (absent !== undefined)
    throw signatureRefusal(service, 'mismatch', `The signed header '${absent}' is not in the request.`)
}

function declaredPayload({ headers, body, service }: Received): Hex {
  const declared = headerValues(headers, 'x-amz-content-sha256')[0]
  if (declared === undefined && body !== 'streamed') return sha256(body)
  if (declared !== undefined && /^[0-9a-f]{64}$/.test(declared)) return declared
  const message = `x-amz-content-sha256 must be the SHA-256 of the body in lower-case hexadecimal digits; unsigned and chunked payloads are not accepted.`
  throw signatureRefusal(service, 'incomplete', message)
}

const hostsToTry = ({ headers, hosts }: Received): readonly string[] => [
  ...new Set([...headerValues(headers, 'host'), ...hosts]),
]

const scopeOf = ({ day, region, service }: Claim): string => [day, region, service, 'aws4_request'].join('/')

const signingKey = (secret: string, claim: Claim): Buffer =>
  [claim.region, claim.service, 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, claim.day))

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text, 'latin1').digest()

const sha256 = (bytes: Uint8Array): Hex => createHash('sha256').update(bytes).digest('hex')
