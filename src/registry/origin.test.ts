import { describe, expect, it } from 'vitest'
import type { Domain, OriginControls, Package, Repository } from './model.ts'
import { packageName, parseAccountId, parseDomainName, parseRepositoryName } from './names.ts'
import { AFTER_INGEST, AFTER_PUBLISH, mayAskUpstream, publishRefusal, type OriginFacts } from './origin.ts'

const domain: Domain = {
  name: parseDomainName('acme'),
  owner: parseAccountId('000000000000'),
  createdAt: 0,
  reserved: [
    { format: 'npm', prefix: 'acme/' },
    { format: 'pypi', prefix: 'acme-' },
  ],
}
const repository = (name: string): Repository => ({
  domain: domain.name,
  name: parseRepositoryName(name),
  administrator: domain.owner,
  description: null,
  createdAt: 0,
  upstreams: [],
  connections: [],
})
const [main, store] = [repository('main'), repository('npm-store')]
const lodash = packageName('npm', null, 'lodash')

const held = (at: Repository, origin: OriginControls, originIsExplicit = false): Package => ({
  domain: domain.name,
  repository: at.name,
  format: 'npm',
  key: lodash.key,
  origin,
  originIsExplicit,
})
const facts = (
  over: { owned?: boolean; ingested?: boolean; packages?: Package[]; name?: OriginFacts['name'] } = {},
): OriginFacts => ({
  name: over.name ?? lodash,
  domain,
  record:
    over.owned || over.ingested
      ? {
          domain: domain.name,
          format: 'npm',
          key: lodash.key,
          owned: over.owned ?? false,
          ingested: over.ingested ?? false,
        }
      : undefined,
  packages: over.packages ?? [],
})

describe('may upstream be asked for a name', () => {
  const ALLOW_BOTH: OriginControls = { publish: 'ALLOW', upstream: 'ALLOW' }
  const BLOCK_UPSTREAM: OriginControls = { publish: 'ALLOW', upstream: 'BLOCK' }
  it.each([
    ['a name nobody knows', facts(), true],
    ['a name fetched before', facts({ ingested: true, packages: [held(store, AFTER_INGEST)] }), true],
    ['a name published in the domain', facts({ owned: true, packages: [held(main, AFTER_PUBLISH)] }), false],
    ['one published and then deleted everywhere', facts({ owned: true }), false],
    ['one published, allowed by a person', facts({ owned: true, packages: [held(main, ALLOW_BOTH, true)] }), true],
    [
      'one blocked by a person where the connection is',
      facts({ packages: [held(store, BLOCK_UPSTREAM, true)] }),
      false,
    ],
    [
      'blocked by one person, allowed by another',
      facts({ owned: true, packages: [held(store, BLOCK_UPSTREAM, true), held(main, ALLOW_BOTH, true)] }),
      false,
    ],
    [
      'allowed by a person in a repository that is not searched',
      facts({ owned: true, packages: [held(repository('other'), ALLOW_BOTH, true)] }),
      false,
    ],
    ['a name under a reserved prefix', facts({ name: packageName('npm', 'acme', 'new') }), false],
    ['a reserved prefix of another format', facts({ name: packageName('npm', null, 'acme-tools') }), true],
    ['a reserved PyPI prefix', facts({ name: packageName('pypi', null, 'acme-tools') }), false],
  ])('%s: %#', (_, given, expected) => {
    expect(mayAskUpstream(given, [main, store])).toBe(expected)
  })
})

describe('may a name be published', () => {
  it.each([
    ['a name nobody knows', facts(), true],
    ['a name of the domain', facts({ owned: true }), true],
    ['a name fetched from upstream', facts({ ingested: true, packages: [held(store, AFTER_INGEST)] }), false],
    [
      'fetched, allowed by a person here',
      facts({ ingested: true, packages: [held(main, { publish: 'ALLOW', upstream: 'BLOCK' }, true)] }),
      true,
    ],
    [
      'fetched, allowed by a person elsewhere',
      facts({ ingested: true, packages: [held(store, { publish: 'ALLOW', upstream: 'BLOCK' }, true)] }),
      false,
    ],
    [
      'of the domain, blocked by a person here',
      facts({ owned: true, packages: [held(main, { publish: 'BLOCK', upstream: 'BLOCK' }, true)] }),
      false,
    ],
  ])('%s: %#', (_, given, allowed) => {
    expect(publishRefusal(given, main) === null).toBe(allowed)
  })
})
