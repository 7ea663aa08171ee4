import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Sealed } from '../registry/model.ts'

// Envelope encryption. Every secret has a data key of its own; the data key is wrapped under the master key, which never
// stands in the database. Changing the master key means wrapping the data keys again; the secrets stay as they are.
//
//   gs1.<master key id>.<wrapped data key>.<encrypted secret>      each: base64url of 12 bytes nonce, ciphertext, 16 bytes tag
//
// What the secret is for (`access-key/AKIA...`) is authenticated with both, so that a sealed text that somebody moves to
// another row of the database does not open there.

/** 32 bytes, wherever they came from. */
export type MasterKey = Uint8Array

export type Sealer = {
  /** Tells master keys apart, and tells nothing about them. */
  readonly keyId: string
  seal(secret: string | Uint8Array, context: string): Sealed
  /** Throws where the text was sealed under another master key or for another context, or was altered. */
  open(sealed: Sealed, context: string): Buffer
}

const VERSION = 'gs1'
const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
export const MASTER_KEY_BYTES = 32

/** Seals under `current`; opens also what was sealed under the `earlier` keys. */
export function createSealer(current: MasterKey, earlier: readonly MasterKey[] = []): Sealer {
  const rings = new Map([current, ...earlier].map(deriveKeys).map((keys) => [keys.id, keys]))
  const { id: keyId, wrappingKey } = deriveKeys(current)
  return {
    keyId,
    seal(secret, context) {
      const dataKey = randomBytes(32)
      const wrapped = encrypt(wrappingKey, dataKey, `${VERSION}.${keyId}.key/${context}`)
      const encrypted = encrypt(dataKey, Buffer.from(secret), `${VERSION}.secret/${context}`)
      return [VERSION, keyId, wrapped, encrypted].join('.')
    },
    open(sealed, context) {
      const [version, id = '', wrapped = '', encrypted = ''] = sealed.split('.')
      if (version !== VERSION)
        throw new Error(`The secret ${context} is not in a form that this version of Granary can read`)
      const keys = rings.get(id)
      if (!keys) {
        throw new Error(
          `The secret ${context} was sealed under the master key ${id}, but the master key in use is ${keyId}: ` +
            'start with the key that this data was made with',
        )
      }
      try {
        const dataKey = decrypt(keys.wrappingKey, wrapped, `${VERSION}.${id}.key/${context}`)
        return decrypt(dataKey, encrypted, `${VERSION}.secret/${context}`)
      } catch {
        // The cipher's own error says nothing more, and none of what it holds belongs in a log.
        throw new Error(`The secret ${context} was altered or belongs somewhere else: it does not open`)
      }
    },
  }
}

function deriveKeys(master: MasterKey): { readonly id: string; readonly wrappingKey: Buffer } {
  if (master.byteLength !== MASTER_KEY_BYTES)
    throw new Error(`The master key must have ${MASTER_KEY_BYTES} bytes; it has ${master.byteLength}`)
  const derive = (purpose: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', master, '', `granary ${purpose}`, bytes))
  return { id: derive('master key id', 6).toString('hex'), wrappingKey: derive('data key wrapping', 32) }
}

function encrypt(key: Uint8Array, plaintext: Uint8Array, authenticated: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(authenticated))
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

function decrypt(key: Uint8Array, text: string, authenticated: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const end = bytes.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(authenticated))
    .setAuthTag(bytes.subarray(end))
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()])
}
