import { expect, it } from 'vitest'
import { mintAccessKeyId, mintSecret, mintSigningKeyId, mintTokenId, mintUserId } from './identifiers.ts'

it.each([
  [mintUserId, /^AIDA[A-Z2-7]{16}$/],
  [mintAccessKeyId, /^AKIA[A-Z2-7]{16}$/],
  [mintTokenId, /^ABIA[A-Z2-7]{16}$/],
  [mintSigningKeyId, /^APKA[A-Z2-7]{16}$/],
  [mintSecret, /^[A-Za-z0-9]{40}$/],
])('%o', (mint, pattern) => {
  const minted = Array.from({ length: 1_000 }, mint)
  for (const one of minted) expect(one).toMatch(pattern)
  expect(new Set(minted).size).toBe(minted.length)
})
