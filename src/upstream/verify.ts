import type { DeclaredDigests, IndexFile } from '../registry/model.ts'
import type { DigestAlgorithm, Landed } from '../registry/blob-store.ts'

/**
 * Computed for every file, whatever its index declares: an asset answers for its MD5, SHA-1, SHA-256 and SHA-512
 * (CodeArtifact's AssetSummary), and npm's manifests want two of them.
 */
const ALWAYS: readonly DigestAlgorithm[] = ['sha512', 'sha1', 'md5']

export const digestsToCompute = (declared: DeclaredDigests): readonly DigestAlgorithm[] =>
  declared.sha384 === undefined ? ALWAYS : [...ALWAYS, 'sha384']

const STRONGEST_FIRST = [
  'sha512',
  'sha384',
  'sha256',
  'sha1',
  'md5',
] as const satisfies readonly (keyof DeclaredDigests)[]

/** What is wrong with the bytes that came; null where they are what the index declares. Every declared digest must match. */
export function mismatchOf(file: Pick<IndexFile, 'digests' | 'size'>, landed: Landed): string | null {
  if (file.size !== null && file.size !== landed.size) return `${landed.size} bytes instead of ${file.size}`
  const wrong = STRONGEST_FIRST.find((algorithm) => {
    const declared = file.digests[algorithm]
    return declared !== undefined && declared.toLowerCase() !== landed.digests[algorithm]
  })
  return wrong === undefined ? null : `${wrong} digest mismatch`
}
