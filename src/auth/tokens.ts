import { hash } from 'node:crypto'
import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { RegistryError } from '../registry/errors.ts'
import type { Instant, KnownCaller } from '../registry/model.ts'
import {
  parseAccountId,
  parseDomainName,
  parseIdentityName,
  type AccountId,
  type DomainName,
} from '../registry/names.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import { BoundedMap } from './bounded-map.ts'
import { mintTokenId } from './identifiers.ts'
import type { AssumedRole } from './role-sessions.ts'
import type { Sealer } from './secrets.ts'
import { createSigningKeys, type PublicKeySet } from './signing-keys.ts'
import { TokenIsOver } from './token-is-over.ts'

/** CodeArtifact's lifetimes, in seconds. */
const DEFAULT_TOKEN_SECONDS = 43_200
const MIN_TOKEN_SECONDS = 900
const MAX_TOKEN_SECONDS = 43_200

/** What a token says. It grants nothing: rights are looked up at each request. */
export type TokenClaims = {
  /** For logs: `ABIA` and 16 letters or digits. */
  readonly id: string
  readonly userId: string
  readonly account: AccountId
  /** The one domain that the token is good for. */
  readonly domain: DomainName
  /** The access key that it was made with, or that the role was assumed with. It ends with that key. */
  readonly accessKeyId: string
  readonly expiresAt: Instant
} & (
  | { readonly kind: 'user'; readonly userName: string }
  /** It may outlive the session that made it, and ends with whatever ends that session early. */
  | { readonly kind: 'role'; readonly assumed: AssumedRole }
)

export type TokenRequest = {
  readonly caller: KnownCaller
  readonly domain: DomainName
  /** Seconds, as `tokenSeconds` takes them. */
  readonly durationSeconds?: number
}

export type Tokens = {
  issue(request: TokenRequest): Promise<{ readonly token: string; readonly expiresAt: Instant }>
  /** Throws `unauthenticated`, whatever is wrong with the token: `TokenIsOver` where nothing is but that it expired. */
  verify(token: string): Promise<TokenClaims>
  rotate(): Promise<void>
  jwks(): Promise<PublicKeySet>
}

const AUDIENCE = 'codeartifact:'
const HEADER_MEMBERS = new Set(['alg', 'kid', 'typ'])
/** With a session policy as long as one may be; and as Basic encodes it, it stays below Node's limit for all headers. */
const MAX_TOKEN_LENGTH = 8_192
/** Verifying costs 70 to 130 µs, looking up the hash of a verified token 1 µs. */
const REMEMBERED_TOKENS = 10_000

/** Where claims other than RFC 7519's are. */
const ARN_CLAIM = 'granary:arn'
const ACCESS_KEY_CLAIM = 'granary:access-key'
/** Of role sessions only: milliseconds since 1970, and a policy document. */
const ASSUMED_AT_CLAIM = 'granary:assumed-at'
const SESSION_POLICY_CLAIM = 'granary:session-policy'

/** @param issuer the installation's id: tokens of another installation are refused even if it shares the keys. */
export function createTokens({
  store,
  sealer,
  clock,
  issuer,
}: {
  store: Pick<MetadataStore, 'listSigningKeys' | 'commit'>
  sealer: Sealer
  clock: Clock
  issuer: string
}): Tokens {
  const keys = createSigningKeys({ store, sealer, clock })
  const verified = new BoundedMap<TokenClaims>(REMEMBERED_TOKENS)

  return {
    async issue({ caller, domain, durationSeconds }) {
      // Else a token would live for ever by making the next one, for any domain.
      if (!/^A[KS]IA/.test(caller.credential))
        throw new RegistryError('forbidden', 'A token cannot make tokens: sign the request with an access key')
      const now = clock.now()
      const issuedAt = Math.floor(now / 1000)
      const expiresAt = issuedAt + tokenSeconds(caller, durationSeconds, now)
      const { id, key } = await keys.current()
      const token = await new SignJWT(claimsOf(caller))
        .setProtectedHeader({ alg: 'EdDSA', kid: id, typ: 'JWT' })
        .setIssuer(issuer)
        .setSubject(caller.userId)
        .setAudience(`${AUDIENCE}${domain}`)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .setJti(mintTokenId())
        .sign(key)
      return { token, expiresAt: expiresAt * 1000 }
    },

    async verify(token) {
      const now = clock.now()
      const digest = hash('sha256', token)
      const known = verified.get(digest)
      const claims = known ?? readClaims(await check(token, keys.find, issuer, now))
      // Expired ones as well: whoever goes on sending one costs no more than others.
      if (!known) verified.set(digest, claims)
      if (now >= claims.expiresAt) throw new TokenIsOver('The token has expired; get a new one')
      return claims
    },

    rotate: () => keys.rotate(),
    jwks: () => keys.publicKeys(),
  }
}

/**
 * How long a token of the caller lasts. Left out: twelve hours. 0: as long as the credentials that it is made with, twelve
 * hours for those that do not expire.
 */
export function tokenSeconds(caller: KnownCaller, asked: number | undefined, now: Instant): number {
  if (asked === 0 && caller.kind === 'role') return Math.floor(caller.expiresAt / 1000) - Math.floor(now / 1000)
  if (asked === undefined || asked === 0) return DEFAULT_TOKEN_SECONDS
  if (Number.isInteger(asked) && asked >= MIN_TOKEN_SECONDS && asked <= MAX_TOKEN_SECONDS) return asked
  const message = `durationSeconds must be 0 or from ${MIN_TOKEN_SECONDS} to ${MAX_TOKEN_SECONDS}; ${asked} was given`
  throw new RegistryError('invalid', message, { awsCode: 'ValidationException' })
}

const claimsOf = (caller: KnownCaller): JWTPayload =>
  caller.kind === 'user'
    ? { [ARN_CLAIM]: caller.arn, [ACCESS_KEY_CLAIM]: caller.credential }
    : {
        [ARN_CLAIM]: caller.arn,
        [ACCESS_KEY_CLAIM]: caller.accessKeyId,
        [ASSUMED_AT_CLAIM]: caller.issuedAt,
        ...(caller.sessionPolicy !== null && { [SESSION_POLICY_CLAIM]: caller.sessionPolicy }),
      }

const refusal = (message: string, cause?: unknown): RegistryError =>
  new RegistryError('unauthenticated', message, { cause })

const INVALID = 'The token is not valid; get a new one'

/** One algorithm, and keys of the installation's own by their id: nothing in the token chooses how it is verified. It may have expired. */
async function check(
  token: string,
  findKey: (id: string) => Promise<CryptoKey | undefined>,
  issuer: string,
  now: Instant,
): Promise<JWTPayload> {
  const id = token.length <= MAX_TOKEN_LENGTH ? readKeyId(token) : undefined
  const key = id === undefined ? undefined : await findKey(id)
  if (!key) throw refusal(INVALID)
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['EdDSA'],
      issuer,
      requiredClaims: ['sub', 'aud', 'iat', 'exp', 'jti'],
      clockTolerance: 0,
      currentDate: new Date(now),
    })
    return payload
  } catch (error) {
    // Looked at last, once the signature and all else was found right.
    if (error instanceof errors.JWTExpired) return error.payload
    if (error instanceof errors.JOSEError) throw refusal(INVALID, error)
    throw error
  }
}

function readKeyId(token: string): string | undefined {
  try {
    const header = decodeProtectedHeader(token)
    return Object.keys(header).every((member) => HEADER_MEMBERS.has(member)) ? header.kid : undefined
  } catch {
    // No JWT at all.
    return undefined
  }
}

/** The signature is ours, so the claims are what `issue` wrote, by this version of the program or by another. */
function readClaims(payload: JWTPayload): TokenClaims {
  const { sub, aud, exp, jti, [ACCESS_KEY_CLAIM]: accessKeyId } = payload
  if (typeof aud !== 'string' || !aud.startsWith(AUDIENCE) || typeof accessKeyId !== 'string') throw refusal(INVALID)
  const common = {
    id: String(jti),
    userId: String(sub),
    domain: parseDomainName(aud.slice(AUDIENCE.length)),
    accessKeyId,
    expiresAt: Number(exp) * 1000,
  }
  const [, account, name] = /^arn:aws:iam::([0-9]{12}):user\/(.+)$/.exec(String(payload[ARN_CLAIM])) ?? []
  if (account && name)
    return { kind: 'user', ...common, account: parseAccountId(account), userName: parseIdentityName(name) }
  const assumed = readAssumedRole(payload, common)
  return { kind: 'role', ...common, account: assumed.account, assumed }
}

const SESSION_ARN = /^arn:aws:sts::([0-9]{12}):assumed-role\/([^/]+)\/([^/]+)$/

function readAssumedRole(
  { [ARN_CLAIM]: sessionArn, [ASSUMED_AT_CLAIM]: issuedAt, [SESSION_POLICY_CLAIM]: policy = null }: JWTPayload,
  { userId, accessKeyId }: { readonly userId: string; readonly accessKeyId: string },
): AssumedRole {
  const [, account, roleName, sessionName] = SESSION_ARN.exec(String(sessionArn)) ?? []
  const isWhole = typeof issuedAt === 'number' && (policy === null || typeof policy === 'string')
  if (!account || !roleName || !sessionName || !isWhole || !userId.endsWith(`:${sessionName}`)) throw refusal(INVALID)
  return {
    account: parseAccountId(account),
    roleName,
    roleId: userId.slice(0, -sessionName.length - 1),
    sessionName,
    sessionPolicy: policy as string | null,
    issuedAt: issuedAt as number,
    accessKeyId,
  }
}
