import { createHash } from 'node:crypto'
import { constants, zstdCompressSync } from 'node:zlib'
import type { ParsedIndex } from './ecosystem.ts'
import { withFirstSeen } from './first-seen.ts'
import type { Hex, IndexFacts, Instant, PackedFacts } from './model.ts'
import { packFacts, unpackFacts } from './packed-facts.ts'

/** An index as it is kept. */
export type PackedIndex = {
  readonly facts: PackedFacts
  /** In zstd. */
  readonly document: Uint8Array
  /** Of `document`. */
  readonly sha256: Hex
  /** Its serial is lower than that of the facts that were kept: it was made before them. */
  readonly isOlder: boolean
  /** Most of the versions that were known are not in it. */
  readonly losesMost: boolean
}

/** What is known of the index from before, and when this one came. */
export type KnownBefore = { readonly facts: PackedFacts | null; readonly now: Instant }

/** Takes hundreds of milliseconds for the largest: for worker threads. */
export function packIndex({ facts, document }: Omit<ParsedIndex, 'model'>, known: KnownBefore): PackedIndex {
  const earlier = known.facts && unpackFacts(known.facts)
  const before = earlier?.serial ?? null
  const compressed = zstdCompressSync(document, { params: { [constants.ZSTD_c_compressionLevel]: 3 } })
  return {
    facts: packFacts(withFirstSeen(facts, earlier, known.now)),
    document: new Uint8Array(compressed),
    sha256: createHash('sha256').update(compressed).digest('hex'),
    isOlder: before !== null && facts.serial !== null && facts.serial < before,
    losesMost: earlier !== null && hasLostMost(earlier, facts),
  }
}

function hasLostMost(before: IndexFacts, facts: IndexFacts): boolean {
  const now = new Set(facts.versions.map(({ version }) => version))
  const { length } = before.versions
  const lost = before.versions.filter(({ version }) => !now.has(version)).length
  return lost > 0 && (lost === length || (lost >= 3 && lost > length / 2))
}
