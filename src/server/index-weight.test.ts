import { describe, expect, it } from 'vitest'
import { refuseHeavyIndex } from './index-weight.ts'

describe('refuseHeavyIndex', () => {
  it.each([
    ['a small one, however dense', '[],'.repeat(300_000), true],
    ['a large text', `"${'x'.repeat(50_000_000)}"`, true],
    ['a large index like real ones', '{"version":"1.0.0","dist":{"shasum":"0000000000"},'.repeat(400_000), true],
    ['many lists', '[],'.repeat(1_000_001), false],
    ['many objects', '{},'.repeat(1_000_001), false],
    ['many numbers', '1,'.repeat(5_000_001), false],
  ])('of %s', (_what, text, isAccepted) => {
    const weigh = () => refuseHeavyIndex(Buffer.from(text))
    if (isAccepted) expect(weigh).not.toThrow()
    else expect(weigh).toThrow(/more than can be read/)
  })
})
