import ipaddr from 'ipaddr.js'
import { RegistryError } from '../registry/errors.ts'
import type { Instant } from '../registry/model.ts'
import type { Clock, FailureLedger } from '../registry/ports.ts'
import { BoundedMap } from './bounded-map.ts'

// Failures are counted twice: for a credential at an address, and for the address alone, whatever it tried. Beyond the
// limit a credential is refused at that address unseen. An address is not: who shares it with an attacker (an office, a
// proxy) still gets in, and only further failures are answered 429, without another write to the database.

export const MAX_FAILURES = 10
export const FAILURE_WINDOW_MS = 60_000
const REMEMBERED = 20_000

export type Attempt = {
  /** An access key's id, or some of a token's hash. Never a secret. */
  readonly credential: string
  /** IP address of the peer. */
  readonly address: string
}

export type Throttle = {
  /** Throws `throttled` where this credential failed too often from this address. Looks at memory only. */
  check(attempt: Attempt): void
  /** Counts a failure and returns what to answer: `refusal`, or `throttled` where it was one too many. */
  failed(attempt: Attempt, refusal: RegistryError): Promise<RegistryError>
  /** Costs nothing unless the credential failed before. */
  succeeded(attempt: Attempt): Promise<void>
}

export function createThrottle({ ledger, clock }: { ledger: FailureLedger; clock: Clock }): Throttle {
  const blockedUntil = new BoundedMap<Instant>(REMEMBERED)
  const failedBefore = new BoundedMap<true>(REMEMBERED)

  const secondsBlocked = (key: string): number => Math.ceil(((blockedUntil.get(key) ?? 0) - clock.now()) / 1000)
  const count = async (key: string) => {
    const now = clock.now()
    if ((await ledger.recordFailure(key, now, FAILURE_WINDOW_MS)) > MAX_FAILURES)
      blockedUntil.set(key, now + FAILURE_WINDOW_MS)
  }

  return {
    check(attempt) {
      const seconds = secondsBlocked(credentialKey(attempt))
      if (seconds > 0) throw tooMany(seconds)
    },
    async failed(attempt, refusal) {
      const [credential, address] = [credentialKey(attempt), addressKey(attempt)]
      if (secondsBlocked(address) <= 0) {
        failedBefore.set(credential, true)
        await Promise.all([count(credential), count(address)])
      }
      const seconds = Math.max(secondsBlocked(address), secondsBlocked(credential))
      return seconds > 0 ? tooMany(seconds, refusal) : refusal
    },
    async succeeded(attempt) {
      const key = credentialKey(attempt)
      if (!failedBefore.get(key)) return
      failedBefore.delete(key)
      await ledger.clearFailures(key)
    },
  }
}

const tooMany = (seconds: number, refusal?: RegistryError): RegistryError =>
  new RegistryError(
    'throttled',
    `Too many failed log-ins${refusal ? ` (the last one: ${refusal.message})` : ''}; try again in ${seconds} s`,
    {
      retryAfter: seconds,
      awsCode: 'ThrottlingException',
      cause: refusal,
    },
  )

const credentialKey = ({ credential, address }: Attempt): string => `login/${credential}@${network(address)}`
const addressKey = ({ address }: Attempt): string => `login/@${network(address)}`

/** One household or machine has 2^64 addresses of IPv6, so these count as one. */
function network(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6
    ? parsed.parts
        .slice(0, 4)
        .map((part) => part.toString(16))
        .join(':')
    : parsed.toString()
}
