import { expect, it } from 'vitest'
import { rememberFound } from './found-assets.ts'
import { ANONYMOUS } from './model.ts'
import { packageName, parseAccountId, parseDomainName, parseRepositoryName, type RepositoryName } from './names.ts'
import type { FoundAsset } from './ports.ts'
import type { Scope } from './scope.ts'

const domain = { name: parseDomainName('acme'), owner: parseAccountId('111122223333'), createdAt: 0, reserved: [] }
const along: readonly RepositoryName[] = [parseRepositoryName('main')]
const hello = packageName('npm', null, 'hello')
const FOUND = { asset: { file: 'hello-1.0.0.tgz' } } as FoundAsset

const scopeAt = (topology: number, packageCounter: number | null, repository = 'main'): Scope => ({
  caller: ANONYMOUS,
  view: { counter: topology, domain, repositories: new Map(), connections: new Map(), rules: [] },
  domain,
  repository: {
    domain: domain.name,
    name: parseRepositoryName(repository),
    administrator: domain.owner,
    description: null,
    createdAt: 0,
    upstreams: [],
    connections: [],
  },
  packageCounter,
})

function counting(found: FoundAsset | undefined) {
  let asked = 0
  const find = rememberFound({
    async findAsset() {
      asked += 1
      return found
    },
  })
  return { find, asked: () => asked }
}

it.each([
  { what: 'the same counters', second: scopeAt(1, 1), asked: 1 },
  { what: 'a package that moved', second: scopeAt(1, 2), asked: 2 },
  { what: 'a topology that moved', second: scopeAt(2, 1), asked: 2 },
  { what: 'another repository', second: scopeAt(1, 1, 'other'), asked: 2 },
  { what: 'counters that nobody read', second: scopeAt(1, null), asked: 2 },
])('asks the store $asked time(s) for $what', async ({ second, asked }) => {
  const store = counting(FOUND)
  expect(await store.find(scopeAt(1, 1), along, hello, 'hello-1.0.0.tgz')).toBe(FOUND)
  expect(await store.find(second, along, hello, 'hello-1.0.0.tgz')).toBe(FOUND)
  expect(store.asked()).toBe(asked)
})

it('asks again for what was not found: a file that is fetched moves no counter', async () => {
  const store = counting(undefined)
  for (let times = 0; times < 2; times++)
    expect(await store.find(scopeAt(1, 1), along, hello, 'hello-1.0.0.tgz')).toBeUndefined()
  expect(store.asked()).toBe(2)
})
