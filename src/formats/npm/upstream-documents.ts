import { displayName, type PackageName } from '../../registry/names.ts'
import { isObject, type JsonObject } from './json.ts'

// What npm's registries keep beside packages, and where: keys that they sign with, attestations of versions.

export const KEYS_PATH = '-/npm/v1/keys'
const ATTESTATIONS_PATH = '-/npm/v1/attestations/'
export const ADVISORIES_PATH = '-/npm/v1/security/advisories/bulk'

/** Below a registry's address, as it is written in a URL: a scoped name is one segment, as in all of npm's. */
export const attestationsPath = (name: PackageName, version: string): string =>
  `${ATTESTATIONS_PATH}${displayName(name).replace('/', '%2f')}@${encodeURIComponent(version)}`

/** One of the keys that registries sign with, and no other member that an upstream may add. */
export type Key = {
  /** ISO 8601; null for never. */
  readonly expires: string | null
  /** `SHA256:…`; signatures name it. */
  readonly keyid: string
  readonly keytype: string
  readonly scheme: string
  /** SubjectPublicKeyInfo in DER and base64. */
  readonly key: string
}

const MAX_KEYS = 200
const MAX_MEMBER = 4096

/** Throws for what is no list of keys. */
export function readKeys(body: Uint8Array): readonly Key[] {
  const { keys } = parseObject(body)
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error('it is no list of signing keys')
  return keys.map(readKey)
}

function readKey(value: unknown): Key {
  const { expires = null, keyid, keytype, scheme, key } = isObject(value) ? value : {}
  const isKey = [keyid, keytype, scheme, key].every(isShortText) && (expires === null || isShortText(expires))
  if (!isKey) throw new Error('one of its signing keys is none')
  return { expires, keyid, keytype, scheme, key } as Key
}

const isShortText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX_MEMBER

/** `Ecosystem.checkDocument`: neither an error page nor another document is kept. */
export function checkDocument(path: string, body: Uint8Array): void {
  if (path === KEYS_PATH) {
    readKeys(body)
    return
  }
  const { attestations } = parseObject(body)
  const isAttestation = (one: unknown) => isObject(one) && isObject(one['bundle'])
  if (!Array.isArray(attestations) || !attestations.every(isAttestation)) throw new Error('it has no attestations')
}

/** Of documents that are small: parsing them stalls nobody. Throws for anything but a JSON object. */
export function parseObject(body: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
  if (!isObject(value)) throw new Error('it is not a JSON object')
  return value
}
