import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startGranary } from '../support/granary.ts'
import { typePage } from '../support/typed-page.ts'

const ANSWERS = `
ALLOWED DENIED         one scope
DENIED ALLOWED DENIED  some addresses, and one role
DENIED                 publishing without a log-in
DENIED ALLOWED         before and after the owner lets bob in
ALLOWED DENIED         what the session may
403 403                after the owner changed its mind`

it('docs/access.md: every command works as it stands there, and answers as the page says', async (context) => {
  await requireClient(context, 'aws')
  await requireClient(context, 'curl')
  await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' } })
  await using home = await clientHome()
  const { stdout, stderr } = await typePage('docs/access.md', granary, home)

  expect(stdout.match(/^(ALLOWED|DENIED|[2-5]\d\d)$/gm)).toEqual(ANSWERS.match(/\b(ALLOWED|DENIED|403)\b/g))
  expect(stderr.match(/warning: .*/g)).toEqual([expect.stringMatching(/"AnyoneReads" .* to everyone/)])
  expect(await granary.json(home, 'domain', 'list')).toEqual([expect.objectContaining({ name: 'local' })])
  expect(await granary.json(home, 'user', 'list', '--account', '222233334444')).toEqual([])
})
