import { describe, expect, it } from 'vitest'
import type { Repository } from './model.ts'
import { parseAccountId, parseDomainName, parseRepositoryName, type RepositoryName } from './names.ts'
import { checkUpstreams, searchPath, type DomainView } from './topology.ts'

const owner = parseAccountId('000000000000')
const domain = parseDomainName('acme')

/** `{ main: ['a', 'b'] }`: repositories with their upstreams. */
function viewOf(graph: Record<string, readonly string[]>): DomainView {
  const repositories = Object.entries(graph).map(([name, upstreams]): Repository => ({
    domain,
    name: parseRepositoryName(name),
    administrator: owner,
    description: null,
    createdAt: 0,
    upstreams: upstreams as readonly RepositoryName[],
    connections: [],
  }))
  return {
    counter: 1,
    domain: { name: domain, owner, createdAt: 0, reserved: [] },
    repositories: new Map(repositories.map((repository) => [repository.name, repository])),
    connections: new Map(),
    rules: [],
  }
}
const names = (...list: string[]) => list.map(parseRepositoryName)

describe('the repositories that a request searches', () => {
  it('is depth first in list order', () => {
    const view = viewOf({ my: ['aa', 'bb'], aa: ['cc', 'dd'], bb: [], cc: [], dd: ['ee'], ee: [] })
    expect(searchPath(view, parseRepositoryName('my')).map(({ name }) => name)).toEqual([
      'my',
      'aa',
      'cc',
      'dd',
      'ee',
      'bb',
    ])
  })

  it('has each repository once and 25 at most', () => {
    const chain = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`r${i}`, i < 39 ? [`r${i + 1}`, 'r0'] : []]))
    expect(searchPath(viewOf(chain), parseRepositoryName('r0'))).toHaveLength(25)
  })
})

describe('upstreams that may be set', () => {
  const view = viewOf({ main: ['mid'], mid: ['deep'], deep: [], other: [] })
  it.each([
    ['deep', ['main'], /cycle: deep -> main -> mid -> deep/],
    ['main', ['main'], /cycle/],
    ['other', ['mid', 'mid'], /twice/],
    ['other', ['missing'], /does not exist/],
    ['other', Array.from({ length: 11 }, (_, i) => `u${i}`), /at most 10/],
  ])('%s <- %j is refused', (name, upstreams, message) => {
    expect(() => checkUpstreams(view, parseRepositoryName(name), names(...upstreams))).toThrow(message)
  })
  it('accepts what leads nowhere back', () => {
    expect(() => checkUpstreams(view, parseRepositoryName('other'), names('main', 'deep'))).not.toThrow()
  })
})
