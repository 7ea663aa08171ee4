import type { DeclaredDigests } from './model.ts'

/**
 * One ETag before a file landed and after: so it is made of the one digest that every landed file has. (Others are computed
 * when it lands, and would replace one that its index declared.) A file whose index declares no sha256 has none until then.
 */
export const etagOf = ({ sha256 }: DeclaredDigests): string | null =>
  sha256 === undefined ? null : `"${sha256.slice(0, 40).toLowerCase()}"`
