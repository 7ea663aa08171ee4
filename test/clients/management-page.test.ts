import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startGranary } from '../support/granary.ts'
import { typePage } from '../support/typed-page.ts'

it('docs/management.md: every command works as it stands there', async (context) => {
  await requireClient(context, 'aws')
  await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' } })
  await using home = await clientHome()
  await typePage('docs/management.md', granary, home)

  const domains = await granary.json<{ name: string }[]>(home, 'domain', 'list')
  expect(domains.map(({ name }) => name)).toEqual(['local'])
  expect(await granary.json(home, 'user', 'list')).toEqual([expect.objectContaining({ name: 'admin' })])
})
