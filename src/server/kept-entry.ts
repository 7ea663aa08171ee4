import type { KeptAnswer } from '../formats/format.ts'
import type { Instant } from '../registry/model.ts'
import type { ConnectionName } from '../registry/names.ts'

/** What an answer was made from. The answer holds as long as the store says the same. */
export type MadeFrom = {
  readonly topology: number
  readonly package: number
  /** Every index that was asked, the one that answered last. */
  readonly indexes: readonly { readonly connection: ConnectionName; readonly revision: number }[]
}

export type KeptEntry = {
  readonly answer: KeptAnswer
  readonly madeFrom: MadeFrom
  /** When time alone makes it wrong; null for never. */
  readonly expiresAt: Instant | null
}
