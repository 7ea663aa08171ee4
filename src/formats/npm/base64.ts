import { RegistryError } from '../../registry/errors.ts'

/**
 * Strict base64 (RFC 4648, section 4) that arrives in pieces. Node's own decoder skips what it does not know, so each piece is
 * held against the length that it must have.
 */
export class Base64Decoder {
  #carry = ''
  #padded = false

  push(bytes: Buffer): Buffer {
    const text = this.#carry + bytes.toString('latin1')
    const whole = text.length - (text.length % 4)
    this.#carry = text.slice(whole)
    return whole === 0 ? Buffer.alloc(0) : this.#decode(text.slice(0, whole))
  }

  end(): void {
    if (this.#carry !== '') throw notBase64()
  }

  #decode(groups: string): Buffer {
    if (this.#padded) throw notBase64()
    const padding = groups.endsWith('==') ? 2 : groups.endsWith('=') ? 1 : 0
    this.#padded = padding > 0
    const decoded = Buffer.from(groups, 'base64')
    const isWhole = decoded.length === (groups.length / 4) * 3 - padding
    if (!isWhole || groups.includes('-') || groups.includes('_')) throw notBase64()
    // Bits beyond the last byte must be zero: one text per content.
    if (padding > 0 && decoded.subarray(-(3 - padding)).toString('base64') !== groups.slice(-4)) throw notBase64()
    return decoded
  }
}

const notBase64 = (): RegistryError => new RegistryError('invalid', 'The attachment is not valid base64')
