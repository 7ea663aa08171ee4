import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  assembleRegistry,
  DOMAIN,
  npmPackage,
  pypiPackage,
  type AssembledRegistry,
} from '../../test/support/assembled-registry.ts'
import { startPypiUpstream, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import type { Rule } from '../policy/curation/rule.ts'
import { listNames } from './list-names.ts'
import type { PackageName } from './names.ts'

let upstream: PypiUpstream
let registry: AssembledRegistry
beforeEach(async () => {
  upstream = await startPypiUpstream()
  registry = await assembleRegistry({
    connections: { 'pypi:first': upstream.url },
    repositories: { store: { connections: ['pypi:first'] }, main: { upstreams: ['store'] }, apart: {} },
  })
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const publish = (repository: string, name: PackageName, version = '1.0') =>
  registry.publish(repository, name, version, `${name.key} ${version}`)

async function fetchFrom(repository: string, name: string): Promise<void> {
  const [file] = await upstream.publish({ name, version: '1.0' })
  const select = { file: file?.file ?? '', path: file?.path.slice(1) ?? '' }
  const options = { deadline: registry.clock.now() + 10_000 }
  const opened = await registry.registry.openAsset(await registry.scope(repository), pypiPackage(name), select, options)
  await opened.body[Symbol.asyncDispose]()
  await expect.poll(async () => listed('store')).toContain(name)
}

async function listed(repository: string): Promise<readonly string[]> {
  const pages = await Array.fromAsync(registry.registry.listNames(await registry.scope(repository), 'pypi'))
  return pages.flat()
}

const rule = (id: string, text: Rule) =>
  registry.commit({ change: 'create-rule', rule: { id, domain: 'local', repository: null, rule: text } })

describe('the names of a repository', () => {
  it('are those of what is published along its way, and of what was fetched, in order', async () => {
    await publish('main', pypiPackage('zebra'))
    await publish('store', pypiPackage('ape'))
    await publish('apart', pypiPackage('secret'))
    await publish('main', npmPackage('of-another-format'))
    await fetchFrom('main', 'fetched')
    await upstream.publish({ name: 'never-asked-for', version: '1.0' })
    upstream.requests.length = 0
    expect(await listed('main')).toEqual(['ape', 'fetched', 'zebra'])
    expect(await listed('store')).toEqual(['ape', 'fetched'])
    expect(await listed('apart')).toEqual(['secret'])
    expect(upstream.requests).toEqual([])
  })

  it('are none where nothing is', async () => {
    expect(await listed('main')).toEqual([])
  })

  it('come in pages that miss none and repeat none, wherever each repository ends', async () => {
    const all = Array.from({ length: 24 }, (_, at) => `p${String(at).padStart(2, '0')}`)
    for (const [at, name] of all.entries()) {
      if (at % 3 !== 0) await publish('main', pypiPackage(name))
      if (at % 3 !== 1 && at < 9) await publish('store', pypiPackage(name))
    }
    const expected = all.filter((_, at) => at % 3 !== 0 || at < 9)
    const pages = await Array.fromAsync(listNames(registry.readParts, await registry.scope('main'), 'pypi', 3))
    expect(pages.flat()).toEqual(expected)
    expect(pages.length).toBeGreaterThan(4)
    expect(await listed('main')).toEqual(expected)
  })

  it('leave out what curation holds back as a whole, and nothing else', async () => {
    for (const [name, version] of [
      ['denied', '1.0'],
      ['half-denied', '1.0'],
      ['half-denied', '2.0'],
      ['free', '1.0'],
    ] as const)
      await publish('main', pypiPackage(name), version)
    await rule('no-bugs', {
      kind: 'deny-list',
      packages: [
        { format: 'pypi', package: 'denied' },
        { format: 'pypi', package: 'half-denied', versions: ['1.0.0'] },
      ],
      reason: 'it has a bug',
    })
    expect(await listed('main')).toEqual(['free', 'half-denied'])
  })

  it('leave out what its upstream withdrew, in a repository that holds such', async () => {
    await fetchFrom('main', 'fetched')
    upstream.remove('fetched')
    registry.clock.advance(3_600_000)
    const options = { deadline: registry.clock.now() + 10_000, whileRevalidating: false }
    await registry.registry.readPackage(await registry.scope('main'), pypiPackage('fetched'), options)
    expect(await listed('main')).toEqual(['fetched'])
    const main = (await registry.scope('main')).repository.name
    await registry.commit({ change: 'set-repository-settings', domain: DOMAIN, repository: main, withdrawn: 'hold' })
    expect(await listed('main')).toEqual([])
    expect(await listed('store')).toEqual(['fetched'])
  })
})
