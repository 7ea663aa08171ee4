import { exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from 'jose'
import type { Instant, SigningKey } from '../registry/model.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import { mintSigningKeyId, signingKeyContext } from './identifiers.ts'
import type { Sealer } from './secrets.ts'

/** The form of a key set that clients fetch: RFC 7517, section 5. */
export type PublicKeySet = { readonly keys: readonly JWK[] }

export type SigningKeys = {
  /** The newest key that is not retired; makes one where there is none. */
  current(): Promise<{ readonly id: string; readonly key: CryptoKey }>
  /** The public key of that id; undefined where the installation has no such key. */
  find(id: string): Promise<CryptoKey | undefined>
  /** Makes a new key and retires the others: they sign no more, and still verify. */
  rotate(): Promise<void>
  publicKeys(): Promise<PublicKeySet>
}

/** Unknown key ids ask the store this often in a burst, and then once per second: anybody can send one. */
const RELOAD_BURST = 5
const RELOAD_INTERVAL_MS = 1_000

export function createSigningKeys({
  store,
  sealer,
  clock,
}: {
  store: Pick<MetadataStore, 'listSigningKeys' | 'commit'>
  sealer: Sealer
  clock: Clock
}): SigningKeys {
  const privateKeys = new Map<string, CryptoKey>()
  let publicKeys = new Map<string, CryptoKey>()
  const mayReload = allowance(RELOAD_BURST, RELOAD_INTERVAL_MS)

  const newestActive = async () => (await store.listSigningKeys()).find((key) => key.retiredAt === null)

  let reloading: Promise<void> | undefined
  const load = async () => {
    const keys = await store.listSigningKeys()
    publicKeys = new Map(
      await Promise.all(keys.map(async ({ id, publicJwk }) => [id, await importKey(publicJwk)] as const)),
    )
  }
  // Who asks while keys are being read waits for them: a burst of requests after the start costs one read.
  const reload = () => {
    reloading ??= load().finally(() => {
      reloading = undefined
    })
    return reloading
  }

  const privateKeyOf = async ({ id, privateJwk }: SigningKey): Promise<CryptoKey> => {
    const known = privateKeys.get(id) ?? (await importKey(sealer.open(privateJwk, signingKeyContext(id)).toString()))
    privateKeys.set(id, known)
    return known
  }

  return {
    // Signing is rare, so it always looks: a key that another process retired signs no more at once.
    async current() {
      let active = await newestActive()
      if (!active) {
        // Another process may do the same at this moment. Both keys stay, both verify, the newer one signs from now on.
        const made = await generate(sealer, clock.now())
        await store.commit([{ change: 'create-signing-key', key: made }])
        active = (await newestActive()) ?? made
      }
      return { id: active.id, key: await privateKeyOf(active) }
    },
    async find(id) {
      if (publicKeys.has(id)) return publicKeys.get(id)
      if (reloading) await reloading
      if (!publicKeys.has(id) && mayReload(clock.now())) await reload()
      return publicKeys.get(id)
    },
    async rotate() {
      const now = clock.now()
      const active = (await store.listSigningKeys()).filter((key) => key.retiredAt === null)
      await store.commit([
        { change: 'create-signing-key', key: await generate(sealer, now) },
        ...active.map(({ id }) => ({ change: 'retire-signing-key', id, at: now }) as const),
      ])
    },
    async publicKeys() {
      const keys = await store.listSigningKeys()
      return { keys: keys.map(({ id, publicJwk }) => ({ ...readJwk(publicJwk), kid: id, use: 'sig', alg: 'EdDSA' })) }
    },
  }
}

async function generate(sealer: Sealer, now: Instant): Promise<SigningKey> {
  const id = mintSigningKeyId()
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const privateJwk = sealer.seal(JSON.stringify(await exportJWK(pair.privateKey)), signingKeyContext(id))
  const publicJwk = JSON.stringify(await exportJWK(pair.publicKey))
  return { id, algorithm: 'EdDSA', publicJwk, privateJwk, createdAt: now, retiredAt: null }
}

const readJwk = (text: string): JWK => JSON.parse(text) as JWK

async function importKey(jwk: string): Promise<CryptoKey> {
  const key = await importJWK(readJwk(jwk), 'EdDSA')
  if (key instanceof Uint8Array) throw new Error('A signing key in the store is not a key pair')
  return key
}

/** A token bucket: `burst` at once, one more each `intervalMs`. */
function allowance(burst: number, intervalMs: number): (now: Instant) => boolean {
  let left = burst
  let filledAt = 0
  return (now) => {
    left = Math.min(burst, left + Math.max(0, now - filledAt) / intervalMs)
    filledAt = now
    if (left < 1) return false
    left -= 1
    return true
  }
}
