import type { DeclaredDigests } from '../../registry/model.ts'

const DIGEST_BYTES = { sha512: 64, sha384: 48, sha256: 32, sha1: 20, md5: 16 } as const
type Algorithm = keyof typeof DIGEST_BYTES

/**
 * Subresource Integrity text (`sha512-<base64> sha1-<base64>`) as digests in hexadecimal. The first of each algorithm counts; what
 * cannot be read is left out.
 */
export function parseIntegrity(integrity: unknown): DeclaredDigests {
  const digests: { -readonly [A in Algorithm]?: string } = {}
  if (typeof integrity !== 'string') return digests
  for (const hash of integrity.trim().split(/\s+/)) {
    const [, algorithm, base64 = ''] =
      /^(sha512|sha384|sha256|sha1|md5)-([A-Za-z0-9+/]+={0,2})(?:\?.*)?$/.exec(hash) ?? []
    const bytes = Buffer.from(base64, 'base64')
    if (bytes.length === DIGEST_BYTES[algorithm as Algorithm]) digests[algorithm as Algorithm] ??= bytes.toString('hex')
  }
  return digests
}

/** npm's older member: a SHA-1 in hexadecimal. */
const parseShasum = (shasum: unknown): string | undefined =>
  typeof shasum === 'string' && /^[0-9a-f]{40}$/i.test(shasum) ? shasum.toLowerCase() : undefined

/** Everything that a `dist` declares about its tarball's bytes. */
export function declaredDigests(dist: { readonly integrity?: unknown; readonly shasum?: unknown }): DeclaredDigests {
  const digests = parseIntegrity(dist.integrity)
  const sha1 = digests.sha1 ?? parseShasum(dist.shasum)
  return sha1 === undefined ? digests : { ...digests, sha1 }
}

export const formatIntegrity = (algorithm: Algorithm, hex: string): string =>
  `${algorithm}-${Buffer.from(hex, 'hex').toString('base64')}`
