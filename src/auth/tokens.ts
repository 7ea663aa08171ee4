import { hash } from 'node:crypto'
import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import { RegistryError } from '../registry/errors.ts'
import type { Instant, User } from '../registry/model.ts'
import {
  arn,
  parseAccountId,
  parseDomainName,
  parseIdentityName,
  type AccountId,
  type DomainName,
} from '../registry/names.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import { BoundedMap } from './bounded-map.ts'
import { mintTokenId } from './identifiers.ts'
import type { Sealer } from './secrets.ts'
import { createSigningKeys, type PublicKeySet } from './signing-keys.ts'

/** CodeArtifact's lifetimes, in seconds. */
const DEFAULT_TOKEN_SECONDS = 43_200
const MIN_TOKEN_SECONDS = 900
export const MAX_TOKEN_SECONDS = 43_200

/** What a token says. It grants nothing: rights are looked up at each request. */
export type TokenClaims = {
  /** For logs: `ABIA` and 16 letters or digits. */
  readonly id: string
  readonly userId: string
  readonly account: AccountId
  readonly userName: string
  /** The one domain that the token is good for. */
  readonly domain: DomainName
  /** The access key that it was made with. It ends with that key. */
  readonly accessKeyId: string
  readonly expiresAt: Instant
}

export type TokenRequest = {
  readonly user: User
  readonly domain: DomainName
  /** Seconds; left out: twelve hours. 0 stands for the longest that the caller's own credential lasts: twelve hours for a user. */
  readonly durationSeconds?: number
  /** `Caller.credential` of who asks. */
  readonly credential: string
}

export type Tokens = {
  issue(request: TokenRequest): Promise<{ readonly token: string; readonly expiresAt: Instant }>
  /** Throws `unauthenticated`, whatever is wrong with the token. */
  verify(token: string): Promise<TokenClaims>
  rotate(): Promise<void>
  jwks(): Promise<PublicKeySet>
}

const AUDIENCE = 'codeartifact:'
const HEADER_MEMBERS = new Set(['alg', 'kid', 'typ'])
const MAX_TOKEN_LENGTH = 4_096
/** Verifying costs 70 to 130 µs, looking up the hash of a verified token 1 µs. */
const REMEMBERED_TOKENS = 10_000

/** Where claims other than RFC 7519's are. */
const ARN_CLAIM = 'granary:arn'
const ACCESS_KEY_CLAIM = 'granary:access-key'

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
    async issue({ user, domain, durationSeconds, credential }) {
      // Else a token would live for ever by making the next one, for any domain.
      if (!/^A[KS]IA/.test(credential))
        throw new RegistryError('forbidden', 'A token cannot make tokens: sign the request with an access key')
      const issuedAt = Math.floor(clock.now() / 1000)
      const expiresAt = issuedAt + lifetime(durationSeconds)
      const { id, key } = await keys.current()
      const token = await new SignJWT({
        [ARN_CLAIM]: arn.user(user.account, user.name),
        [ACCESS_KEY_CLAIM]: credential,
      })
        .setProtectedHeader({ alg: 'EdDSA', kid: id, typ: 'JWT' })
        .setIssuer(issuer)
        .setSubject(user.id)
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
      if (known) {
        if (now < known.expiresAt) return known
        verified.delete(digest)
      }
      const claims = readClaims(await check(token, keys.find, issuer, now))
      verified.set(digest, claims)
      return claims
    },

    rotate: () => keys.rotate(),
    jwks: () => keys.publicKeys(),
  }
}

function lifetime(seconds: number | undefined): number {
  if (seconds === undefined || seconds === 0) return DEFAULT_TOKEN_SECONDS
  if (Number.isInteger(seconds) && seconds >= MIN_TOKEN_SECONDS && seconds <= MAX_TOKEN_SECONDS) return seconds
  const message = `durationSeconds must be 0 or from ${MIN_TOKEN_SECONDS} to ${MAX_TOKEN_SECONDS}; ${seconds} was given`
  throw new RegistryError('invalid', message, { awsCode: 'ValidationException' })
}

const refusal = (message: string, cause?: unknown): RegistryError =>
  new RegistryError('unauthenticated', message, { cause })

const INVALID = 'The token is not valid; get a new one'

/** One algorithm, and keys of the installation's own by their id: nothing in the token chooses how it is verified. */
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
    if (error instanceof errors.JWTExpired) throw refusal('The token has expired; get a new one', error)
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
  const { sub, aud, exp, jti, [ARN_CLAIM]: userArn, [ACCESS_KEY_CLAIM]: accessKeyId } = payload
  const user = /^arn:aws:iam::([0-9]{12}):user\/(.+)$/.exec(String(userArn))
  if (
    !user?.[1] ||
    !user[2] ||
    typeof aud !== 'string' ||
    !aud.startsWith(AUDIENCE) ||
    typeof accessKeyId !== 'string'
  ) {
    throw refusal(INVALID)
  }
  return {
    id: String(jti),
    userId: String(sub),
    account: parseAccountId(user[1]),
    userName: parseIdentityName(user[2]),
    domain: parseDomainName(aud.slice(AUDIENCE.length)),
    accessKeyId,
    expiresAt: Number(exp) * 1000,
  }
}
