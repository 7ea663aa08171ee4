import { createHash } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import type { Hex } from '../../registry/model.ts'
import type { DigestAlgorithm, Landed } from '../../registry/ports.ts'

export type Hashing = {
  update(chunk: Uint8Array): void
  /** Lower-case hexadecimal. Ends the hashing. */
  digests(): Landed['digests']
}

/** Hashes bytes as they pass: always sha256, the blob's name, and whatever else is asked for. */
export function startHashing(algorithms: readonly DigestAlgorithm[] = []): Hashing {
  const sha256 = createHash('sha256')
  const others = [...new Set(algorithms)].map((algorithm) => ({ algorithm, hash: startHash(algorithm) }))
  return {
    update(chunk) {
      sha256.update(chunk)
      for (const { hash } of others) hash.update(chunk)
    },
    digests: () => ({
      sha256: sha256.digest('hex'),
      ...Object.fromEntries(others.map(({ algorithm, hash }) => [algorithm, hash.hex()])),
    }),
  }
}

function startHash(algorithm: DigestAlgorithm): { update(chunk: Uint8Array): void; hex(): Hex } {
  if (algorithm === 'blake2b') {
    // node:crypto has blake2b with 512 bits only; PyPI's file digests have 256, and that is another function, not a prefix.
    const hash = blake2b.create({ dkLen: 32 })
    return { update: (chunk) => void hash.update(chunk), hex: () => Buffer.from(hash.digest()).toString('hex') }
  }
  const hash = createHash(algorithm)
  return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') }
}
