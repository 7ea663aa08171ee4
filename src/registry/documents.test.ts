import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assembleRegistry, npmPackage, type AssembledRegistry } from '../../test/support/assembled-registry.ts'
import { startNpmUpstream, type NpmUpstream } from '../../test/support/upstream/npm.ts'
import { parseConnectionName, type PackageKey, type PackageName } from './names.ts'

const KEYS = '-/npm/v1/keys'
const hello = npmPackage('hello')
const scoped = npmPackage('@acme/hello')

let first: NpmUpstream
let second: NpmUpstream
let registry: AssembledRegistry
beforeEach(async () => {
  first = await startNpmUpstream()
  second = await startNpmUpstream()
  registry = await assembleRegistry({
    connections: { 'npm:first': first.url, 'npm:second': second.url },
    repositories: {
      store: { connections: ['npm:first'] },
      second: { connections: ['npm:second', 'npm:first'] },
      main: { upstreams: ['store', 'second'] },
      private: {},
    },
  })
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

const options = () => ({ deadline: registry.clock.now() + 10_000 })
const keyIdsAt = async (repository: string) => {
  const documents = await registry.registry.readConnectionDocuments(
    await registry.scope(repository),
    'npm',
    KEYS,
    options(),
  )
  return documents.flatMap(({ bytes }) =>
    (JSON.parse(Buffer.from(bytes).toString()) as { keys: { keyid: string }[] }).keys.map(({ keyid }) => keyid),
  )
}
const idOf = ({ signer }: NpmUpstream) => signer.publicKey.keyid
const attestationsOf = async (name: PackageName, version: string) =>
  registry.registry.readVersionDocument(
    await registry.scope('main'),
    name,
    version,
    `-/npm/v1/attestations/${name.key}@${version}`,
    options(),
  )

/** Loses the bytes of a kept document, as a broken disk would. */
async function lose(path: string): Promise<void> {
  const index = await registry.store.findIndex(parseConnectionName('npm:first'), 'npm', path as PackageKey)
  const sha256 = index?.document?.sha256 ?? ''
  expect(await registry.blobs.remove(sha256, async () => true, { evenIfFresh: true })).toBe('removed')
}

describe('documents about a registry', () => {
  it.each([
    ['store', [() => first]],
    ['second', [() => second, () => first]],
    ['main', [() => first, () => second]],
    ['private', []],
  ])('come from each connection along the way, once, in order: %s', async (repository, expected) => {
    expect(await keyIdsAt(repository)).toEqual(expected.map((upstream) => idOf(upstream())))
  })

  it('are fetched anew where they were lost', async () => {
    await keyIdsAt('store')
    await lose(KEYS)
    expect(await keyIdsAt('store')).toEqual([idOf(first)])
    expect(first.countOf(`/${KEYS}`)).toBe(2)
  })

  it('fail as a whole where one connection fails, for part of them would look like all', async () => {
    await second.down()
    await expect(keyIdsAt('main')).rejects.toMatchObject({ code: 'upstream_down' })
  })
})

describe('documents about a version', () => {
  it('come from the connection that has the package', async () => {
    await second.publish({ name: 'hello', version: '1.0.0', attested: true })
    expect(await attestationsOf(hello, '1.0.0')).toMatchObject({ from: 'upstream', document: { stale: false } })
    expect([first.countOf(/attestations/), second.countOf(/attestations/)]).toEqual([0, 1])
    expect(registry.observed.map(({ kind }) => kind)).toContain('document')
  })

  it('are not taken from elsewhere where the connection that has the package has none', async () => {
    await first.publish({ name: 'hello', version: '1.0.0' })
    await second.publish({ name: 'hello', version: '1.0.0', attested: true })
    await expect(attestationsOf(hello, '1.0.0')).rejects.toMatchObject({ code: 'not_found' })
    expect(second.requests).toEqual([])
  })

  it('are those of the version published here, whatever an upstream has', async () => {
    await first.publish({ name: '@acme/hello', version: '1.0.0', attested: true })
    await registry.publish('main', scoped, '1.0.0', 'ours')
    expect(await attestationsOf(scoped, '1.0.0')).toMatchObject({ from: 'here', version: { origin: 'INTERNAL' } })
    await expect(attestationsOf(scoped, '2.0.0')).rejects.toMatchObject({ code: 'not_found' })
    expect(first.requests).toEqual([])
  })

  it('cannot be said to be missing by a stale index that lacks the version', async () => {
    await first.publish({ name: 'hello', version: '1.0.0', attested: true })
    await attestationsOf(hello, '1.0.0')
    await first.down()
    registry.clock.advance(48 * 3_600_000)
    await expect(attestationsOf(hello, '2.0.0')).rejects.toMatchObject({ code: 'upstream_down' })
    expect(await attestationsOf(hello, '1.0.0')).toMatchObject({ from: 'upstream', document: { stale: true } })
  })
})

describe('questions about packages', () => {
  const asked = async (repository: string, names: readonly PackageName[]) => {
    const about = (some: readonly PackageName[]) =>
      Buffer.from(JSON.stringify(Object.fromEntries(some.map(({ key }) => [key, ['1.0.0']]))))
    const question = { path: '-/npm/v1/security/advisories/bulk', about }
    const scope = await registry.scope(repository)
    const answers = await registry.registry.askAboutPackages(scope, 'npm', names, question, options())
    const keysOf = (some: readonly PackageName[]) => some.map(({ key }) => key)
    return {
      keptBack: keysOf(answers.keptBack),
      unanswered: keysOf(answers.unanswered),
      answered: answers.answers.map((answer) => keysOf(answer.names)),
    }
  }
  const heardBy = ({ requests }: NpmUpstream) =>
    requests
      .filter(({ method }) => method === 'POST')
      .flatMap(({ body }) => Object.keys(JSON.parse(String(body)) as object))

  it('go where an install would: to the first connection that has not denied the package', async () => {
    const [one, two, never] = ['one', 'two', 'never-seen'].map(npmPackage) as [PackageName, PackageName, PackageName]
    await first.publish({ name: 'one', version: '1.0.0' })
    await second.publish({ name: 'two', version: '1.0.0' })
    for (const name of [one, two]) await registry.registry.readPackage(await registry.scope('main'), name, options())
    expect(await asked('main', [one, two, never])).toEqual({
      keptBack: [],
      unanswered: [],
      answered: [['one', 'never-seen'], ['two']],
    })
    expect([heardBy(first), heardBy(second)]).toEqual([['one', 'never-seen'], ['two']])
  })

  it('keep names of the domain back, also among thousands', async () => {
    await registry.publish('main', scoped, '1.0.0', 'ours')
    const many = Array.from({ length: 300 }, (_, at) => npmPackage(`p${at}`))
    const { keptBack } = await asked('main', [...many, scoped])
    expect(keptBack).toEqual(['acme/hello'])
    expect(heardBy(first)).toHaveLength(300)
  })

  it('have nobody to go to where there is no connection', async () => {
    await expect(asked('private', [hello])).rejects.toMatchObject({ code: 'not_found' })
  })
})
