import { createHash } from 'node:crypto'
import { createBLAKE2b } from 'hash-wasm'
import type { Hex } from '../../registry/model.ts'
import type { DigestAlgorithm, Landed } from '../../registry/blob-store.ts'

export type Hashing = {
  update(chunk: Uint8Array): void
  /** Lower-case hexadecimal. Ends the hashing. */
  digests(): Landed['digests']
}

/** Hashes bytes as they pass: always sha256, the blob's name, and whatever else is asked for. */
export async function startHashing(algorithms: readonly DigestAlgorithm[] = []): Promise<Hashing> {
  const sha256 = createHash('sha256')
  const others = await Promise.all(
    [...new Set(algorithms)].map(async (algorithm) => ({ algorithm, hash: await startHash(algorithm) })),
  )
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

async function startHash(algorithm: DigestAlgorithm): Promise<{ update(chunk: Uint8Array): void; hex(): Hex }> {
  if (algorithm === 'blake2b') {
    // node:crypto has blake2b with 512 bits only; PyPI's file digests have 256, and that is another function, not a prefix.
    const hash = await createBLAKE2b(256)
    return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') }
  }
  const hash = createHash(algorithm)
  return { update: (chunk) => void hash.update(chunk), hex: () => hash.digest('hex') }
}
