import { hash } from 'node:crypto'
import { RegistryError } from '../registry/errors.ts'
import { ANONYMOUS, type Caller, type Hex, type Instant } from '../registry/model.ts'
import type { Clock, FailureLedger, IdentityReads } from '../registry/ports.ts'
import { TopologyCache } from '../registry/topology-cache.ts'
import { createCallers, toUserCaller } from './callers.ts'
import { headerValues } from './canonical-request.ts'
import { accessKeyContext } from './identifiers.ts'
import { toRoleCaller, type RoleSessions } from './role-sessions.ts'
import type { Sealer } from './secrets.ts'
import {
  refusePresigned,
  signatureRefusal,
  UNKNOWN_KEY,
  verifySigV4,
  type FindSecret,
  type ReceivedRequest,
} from './sigv4.ts'
import { createThrottle, type Attempt } from './throttle.ts'
import { TokenIsOver } from './token-is-over.ts'
import type { Tokens } from './tokens.ts'

/** What every kind of log-in looks at besides the credential. */
type Circumstances = {
  /** IP address of the peer, trusted proxies taken into account. */
  readonly address: string
  /** The topology counter as this request read it: whatever was revoked before counts. */
  readonly topology: number
}

export type ManagementRequest = ReceivedRequest &
  Circumstances & { readonly service: 'codeartifact' | 'sts' | 'granary' }

/** `payloadSha256`: what the body's hash is (or, for a body still to come, must be) by the signature; null without one. */
export type ManagementCaller = { readonly caller: Caller; readonly payloadSha256: Hex | null }

export type Authenticator = {
  /**
   * Who a package manager is: `Bearer TOKEN`, or `Basic` with the token as password (or as user name, without password).
   * Anonymous without the header; throws `unauthenticated` for one that does not hold, `throttled` after too many of them.
   */
  packageClient(request: Circumstances & { readonly authorization: string | undefined }): Promise<Caller>
  /** Who manages: Signature Version 4 or `Bearer TOKEN`. Anonymous without the header. */
  management(request: ManagementRequest): Promise<ManagementCaller>
}

const REMEMBERED = 10_000

type Found = ReturnType<FindSecret<Caller>>

export function createAuthenticator({
  store,
  tokens,
  sessions,
  sealer,
  clock,
  hosts,
}: {
  store: Pick<IdentityReads, 'findUser' | 'findAccessKey' | 'findRole'> & FailureLedger
  tokens: Tokens
  sessions: Pick<RoleSessions, 'open'>
  sealer: Sealer
  clock: Clock
  /** Hosts of the configured public URLs, with port where it is not the default: `registry.example`, `10.0.0.7:8787`. */
  hosts: readonly string[]
}): Authenticator {
  const callers = createCallers(store)
  const throttle = createThrottle({ ledger: store, clock })
  const byTokens = new TopologyCache<{ readonly caller: Caller; readonly expiresAt: Instant }>(REMEMBERED)

  const callerOf = async (token: string, topology: number) => {
    const claims = await tokens.verify(token)
    return { caller: await callers.ofToken(claims, topology), expiresAt: claims.expiresAt }
  }

  const byToken = async (token: string, { address, topology }: Circumstances): Promise<Caller> => {
    const digest = hash('sha256', token)
    const attempt = { credential: `token-${digest.slice(0, 16)}`, address }
    // The throttle stands behind the cache: a token that is known to hold has not failed.
    const logIn = () => watched(attempt, () => callerOf(token, topology))
    const known = await byTokens.read(topology, digest, logIn)
    // Once it is over it is verified anew: the answer then says that it expired.
    return clock.now() < known.expiresAt ? known.caller : (await logIn()).caller
  }

  const findLastingKey = async (accessKeyId: string, { topology }: ManagementRequest): Found => {
    const found = await callers.findActiveKey(accessKeyId, topology)
    if (!found) return undefined
    const secret = sealer.open(found.key.secret, accessKeyContext(accessKeyId)).toString()
    return { secret, caller: toUserCaller(found.user, { domain: null, credential: accessKeyId }) }
  }

  const findSession = async (
    accessKeyId: string,
    sessionToken: string,
    { service, topology }: ManagementRequest,
  ): Found => {
    const session = sessions.open(accessKeyId, sessionToken)
    if (!session) return undefined
    const { assumed, secret, expiresAt } = session
    if (clock.now() >= expiresAt)
      throw signatureRefusal(service, 'expired', 'The security token included in the request is expired')
    const ended = await callers.whyEnded(assumed, topology)
    if (ended !== null) throw signatureRefusal(service, 'unknownKey', `${UNKNOWN_KEY} The session is over: ${ended}.`)
    return { secret, caller: toRoleCaller(assumed, { domain: null, credential: accessKeyId, expiresAt }) }
  }

  const bySignature = async (request: ManagementRequest): Promise<ManagementCaller> => {
    let attempt: Attempt | undefined
    try {
      const result = await verifySigV4<Caller>({
        ...request,
        hosts,
        now: clock.now(),
        findSecret: async (accessKeyId, sessionToken) => {
          attempt = { credential: accessKeyId.slice(0, 128), address: request.address }
          throttle.check(attempt)
          if (sessionToken === null) return findLastingKey(accessKeyId, request)
          return findSession(accessKeyId, sessionToken, request).catch((over: unknown) => {
            // What was sealed here and is over can be guessed no further, as with a token.
            attempt = undefined
            throw over
          })
        },
      })
      if (attempt) await throttle.succeeded(attempt)
      return result
    } catch (error) {
      // A request that names no key (or is out of date) is no attempt at one.
      throw attempt && isRefusal(error) ? await throttle.failed(attempt, error) : error
    }
  }

  const watched = async <T>(attempt: Attempt, logIn: () => Promise<T>): Promise<T> => {
    throttle.check(attempt)
    try {
      const result = await logIn()
      await throttle.succeeded(attempt)
      return result
    } catch (error) {
      throw isRefusal(error) && !(error instanceof TokenIsOver) ? await throttle.failed(attempt, error) : error
    }
  }

  return {
    async packageClient({ authorization, ...circumstances }) {
      return authorization === undefined
        ? ANONYMOUS
        : byToken(tokenOf(authorization, ['bearer', 'basic']), circumstances)
    },
    async management(request) {
      const [authorization, ...more] = headerValues(request.headers, 'authorization')
      if (authorization === undefined) {
        refusePresigned(request)
        return { caller: ANONYMOUS, payloadSha256: null }
      }
      if (/^AWS4-/i.test(authorization) || more.length > 0) return bySignature(request)
      return { caller: await byToken(tokenOf(authorization, ['bearer']), request), payloadSha256: null }
    },
  }
}

const isRefusal = (error: unknown): error is RegistryError =>
  error instanceof RegistryError && error.code === 'unauthenticated'

function tokenOf(authorization: string, schemes: readonly ('bearer' | 'basic')[]): string {
  const [, scheme = '', credentials = ''] = /^(\S+) *(.*)$/s.exec(authorization.trim()) ?? []
  const known = schemes.find((one) => one === scheme.toLowerCase())
  if (!known)
    throw new RegistryError('unauthenticated', `The Authorization header must be ${schemes.join(' or ')} and a token`)
  return known === 'bearer' ? credentials : tokenOfBasic(credentials)
}

/**
 * RFC 7617. Any user name will do (`aws`, `__token__`): the token says who it is. Some clients can send a user name only. pip and uv
 * send the one in their index's URL before they ask a keyring: refused here, that is an attempt at nothing and is not counted as one.
 */
function tokenOfBasic(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 0) return text
  const [name, password] = [text.slice(0, colon), text.slice(colon + 1)]
  // All tokens have dots.
  if (!password && !name.includes('.')) throw new RegistryError('unauthenticated', 'A user name came without a token')
  return password || name
}
