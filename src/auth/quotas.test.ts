import { expect, it } from 'vitest'
import { refuseMore } from './quotas.ts'

it.each([
  ['users of an account', 5_000],
  ['roles of an account', 1_000],
  ['policies of a user or role', 20],
  ['access keys of a user', 10],
] as const)('%s: %d and no more', (what, quota) => {
  expect(() => refuseMore(what, quota - 1)).not.toThrow()
  expect(() => refuseMore(what, quota)).toThrow(
    expect.objectContaining({
      code: 'quota',
      message: `There are ${quota} ${what} already; at most ${quota} are allowed`,
    }),
  )
})
