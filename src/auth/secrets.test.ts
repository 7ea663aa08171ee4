import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createSealer } from './secrets.ts'

const key = randomBytes(32)
const sealer = createSealer(key)

describe('sealing', () => {
  it.each([
    ['text', 'wJalrXUtnFEMI/K7MDENG'],
    ['nothing', ''],
    ['Unicode', 'schlüssel 🔑'],
    ['bytes', Uint8Array.of(0, 255, 10, 13)],
    ['much', 'x'.repeat(100_000)],
  ])('%s comes back', (_, secret) => {
    const sealed = sealer.seal(secret, 'access-key/AKIA1')
    expect(sealed).toMatch(/^gs1\.[0-9a-f]{12}\.[\w-]+\.[\w-]+$/)
    expect(createSealer(key).open(sealed, 'access-key/AKIA1')).toEqual(Buffer.from(secret))
  })

  it('never looks the same twice, and shows nothing', () => {
    const [one, two] = [sealer.seal('open sesame', 'c'), sealer.seal('open sesame', 'c')]
    expect(one).not.toBe(two)
    expect(Buffer.from(one, 'base64url').includes('sesame')).toBe(false)
  })

  it('opens under the context that it was sealed for only', () => {
    const sealed = sealer.seal('secret', 'access-key/AKIA1')
    expect(() => sealer.open(sealed, 'access-key/AKIA2')).toThrow(
      'The secret access-key/AKIA2 was altered or belongs somewhere else: it does not open',
    )
  })

  it('does not open when any part was altered, cut or exchanged', () => {
    const sealed = sealer.seal('secret', 'c')
    const [version, id, wrapped, encrypted] = sealed.split('.') as [string, string, string, string]
    const [, , otherWrapped] = sealer.seal('secret', 'c').split('.') as [string, string, string]
    const flip = (text: string) => (text[20] === 'A' ? 'B' : 'A')
    for (const text of [
      [version, id, wrapped.slice(0, 20) + flip(wrapped) + wrapped.slice(21), encrypted].join('.'),
      [version, id, wrapped, encrypted.slice(0, 20) + flip(encrypted) + encrypted.slice(21)].join('.'),
      [version, id, wrapped, encrypted.slice(0, -4)].join('.'),
      [version, id, otherWrapped, encrypted].join('.'),
      [version, id, wrapped].join('.'),
      [version, id].join('.'),
    ]) {
      expect(() => sealer.open(text, 'c')).toThrow(/was altered/)
    }
    expect(() => sealer.open('', 'c')).toThrow(/not in a form/)
    expect(() => sealer.open('secret', 'c')).toThrow(/not in a form/)
  })

  it('says which key is missing, and nothing of the keys or the secret', () => {
    const other = randomBytes(32)
    const sealed = createSealer(other).seal('open sesame', 'webhook/1')
    const opening = () => sealer.open(sealed, 'webhook/1')
    expect(opening).toThrow(
      `The secret webhook/1 was sealed under the master key ${createSealer(other).keyId}, but the master key in use is ${sealer.keyId}`,
    )
    expect(key.toString('hex')).not.toContain(sealer.keyId)
  })

  it('opens what an earlier master key sealed, and seals under the current one', () => {
    const later = randomBytes(32)
    const rotated = createSealer(later, [key])
    expect(rotated.open(sealer.seal('secret', 'c'), 'c').toString()).toBe('secret')
    expect(createSealer(later).open(rotated.seal('secret', 'c'), 'c').toString()).toBe('secret')
  })

  it('refuses a key of another length', () => {
    expect(() => createSealer(randomBytes(16))).toThrow('The master key must have 32 bytes; it has 16')
  })
})
