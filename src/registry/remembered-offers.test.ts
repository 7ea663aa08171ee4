import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  assembleRegistry,
  DOMAIN,
  pypiPackage,
  sha256Of,
  type AssembledRegistry,
} from '../../test/support/assembled-registry.ts'
import { startPypiUpstream, type PublishedPypi, type PypiUpstream } from '../../test/support/upstream/pypi.ts'
import type { RegistryError } from './errors.ts'
import type { Connection } from './model.ts'
import { parseConnectionName, parseRepositoryName, type PackageName } from './names.ts'
import type { Revision } from './ports.ts'
import { openAsset, type AssetSelection, type ReadParts } from './read.ts'
import { rememberOffers, type KnownOffer } from './remembered-offers.ts'
import type { Scope } from './scope.ts'

const MINUTE = 60_000

let first: PypiUpstream
let second: PypiUpstream
let registry: AssembledRegistry
/** A process that remembers, and one that does not. */
let remembering: ReadParts
let forgetful: ReadParts
/** How often it was asked who owns a name: with each search for who offers a file. */
let searches: number

beforeAll(async () => {
  first = await startPypiUpstream()
  second = await startPypiUpstream()
  registry = await assembleRegistry({
    connections: { 'pypi:first': first.url, 'pypi:second': second.url },
    repositories: {
      store: { connections: ['pypi:first', 'pypi:second'] },
      apart: { connections: ['pypi:second'] },
      main: { upstreams: ['store'] },
    },
  })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await Promise.all([first, second].map((server) => server[Symbol.asyncDispose]()))
})

let named = 0
let demo: PackageName
let wheel: PublishedPypi
let select: AssetSelection

beforeEach(async () => {
  searches = 0
  const { store, clock, readParts } = registry
  const counted: ReadParts['store'] = {
    ...store,
    findName(...of) {
      searches += 1
      return store.findName(...of)
    },
  }
  remembering = { ...readParts, store: counted, offers: rememberOffers({ store, clock }) }
  forgetful = { ...readParts, offers: { find: () => undefined, remember: () => {} } }
  const name = `demo-${++named}`
  demo = pypiPackage(name)
  wheel = await publishUpstream(second)
  select = { file: wheel.file, path: wheel.path.slice(1), sideCar: true }
})

async function publishUpstream(upstream: PypiUpstream, version = '1.0', more: object = {}): Promise<PublishedPypi> {
  const [published] = await upstream.publish({ name: demo.name, version, ...more })
  return published as PublishedPypi
}

/** As the server makes it: with counters that were read before anything else. */
async function scopeOf(repository: string, hint: string | null): Promise<Scope> {
  const connection = hint === null ? null : parseConnectionName(hint)
  const at = { domain: DOMAIN, format: demo.format, key: demo.key, index: connection }
  const revision = await registry.store.readRevision(at)
  const scope = await registry.scope(repository)
  const index = connection && { index: { connection, read: revision.index } }
  return { ...scope, packageCounter: revision.package, ...index }
}

/** What a client gets, or why it gets nothing. */
async function outcomeOf(parts: ReadParts, what: Partial<AssetSelection> = {}, hint: string | null = 'pypi:second') {
  try {
    const scope = await scopeOf('main', hint)
    const deadline = registry.clock.now() + MINUTE
    const opened = await openAsset(parts, scope, demo, { ...select, ...what }, { deadline })
    await using body = opened.body
    const into = Buffer.alloc(100_000)
    const { sha256, etag, version, cache } = opened
    return { sha256, etag, version, cache, bytes: sha256Of(into.subarray(0, await body.read(into, 0))) }
  } catch (error) {
    const { code, message } = error as RegistryError
    return { code, message }
  }
}

const placeOf = (repository: string) => ({
  domain: DOMAIN,
  repository: parseRepositoryName(repository),
  format: demo.format,
  key: demo.key,
})
const block = () =>
  registry.commit({ change: 'set-origin', at: placeOf('store'), origin: { publish: 'ALLOW', upstream: 'BLOCK' } })
const deny = () =>
  registry.commit({
    change: 'create-rule',
    rule: {
      id: `deny-${demo.name}`,
      domain: DOMAIN,
      repository: null,
      rule: { kind: 'deny-list', packages: [{ format: 'pypi', package: demo.key, versions: [] }], reason: 'malware' },
    },
  })
async function narrow() {
  const connection = (await registry.store.findConnection(parseConnectionName('pypi:second'))) as Connection
  const { topology } = await registry.store.readRevision({ ...placeOf('main'), index: null })
  const narrowed = { ...connection, except: [demo.key] }
  await registry.commit({ change: 'set-connection', connection: narrowed, leadsElsewhere: false, plannedAt: topology })
}
/** Whoever reads its page makes the index anew. */
async function refresh() {
  const { view } = await registry.scope('main')
  const connection = view.connections.get(parseConnectionName('pypi:second')) as Connection
  await registry.upstream.readIndex(connection, demo, { deadline: registry.clock.now() + MINUTE, force: true })
}
const publishHere = (name: PackageName) =>
  registry.publish('main', name, '9.0', 'own', { file: `${name.name}-9.0.tar.gz` })

describe('a file that is not here', () => {
  it.each([{ hint: 'pypi:second' }, { hint: 'pypi:first' }, { hint: null }])(
    'is looked for once, whichever index the request read along: $hint',
    async ({ hint }) => {
      const answers = []
      for (let times = 0; times < 4; times++) answers.push(await outcomeOf(remembering, {}, hint))
      expect(searches).toBe(1)
      expect(answers).toEqual(Array(4).fill(answers[0]))
      expect(answers[0]).toMatchObject({ bytes: sha256Of(wheel.metadata), version: '1.0' })
    },
  )

  const held = { code: 'held' }
  const missing = { code: 'not_found' }
  const served = { version: '1.0' }
  it.each<{ what: string; change: () => unknown; now: object; searches: number }>([
    { what: 'nothing happened', change: () => {}, now: served, searches: 1 },
    {
      what: 'another name is published here',
      change: () => publishHere(pypiPackage('other')),
      now: served,
      searches: 1,
    },
    { what: 'its name is published here', change: () => publishHere(demo), now: missing, searches: 2 },
    { what: 'a person keeps upstreams from being asked', change: block, now: missing, searches: 2 },
    { what: 'a rule denies it', change: deny, now: held, searches: 2 },
    { what: 'its connection may not be asked for it', change: narrow, now: missing, searches: 2 },
    {
      what: 'its index lists more now',
      change: () => publishUpstream(second, '2.0').then(refresh),
      now: served,
      searches: 2,
    },
    {
      what: 'what lists it is no longer fresh',
      change: () => registry.clock.advance(11 * MINUTE),
      now: served,
      searches: 2,
    },
    {
      what: 'a connection before its own offers the name',
      change: () => publishUpstream(first, '3.0').then(() => registry.clock.advance(2 * MINUTE)),
      now: missing,
      searches: 2,
    },
    // It is here then, so nobody is asked who offers it.
    {
      what: 'another process fetched it',
      change: () => outcomeOf(forgetful, { sideCar: false }),
      now: served,
      searches: 1,
    },
  ])('is answered as without a memory when $what', async ({ change, now, searches: wanted }) => {
    await outcomeOf(remembering)
    await change()
    const answer = await outcomeOf(remembering)
    expect(answer).toEqual(await outcomeOf(forgetful))
    expect(answer).toMatchObject(now)
    expect(searches).toBe(wanted)
  })

  it('is held back from memory, too', async () => {
    await deny()
    const answers = [await outcomeOf(remembering), await outcomeOf(remembering)]
    expect(answers).toMatchObject([held, held])
    expect(searches).toBe(1)
  })

  it('is looked for here first where another process fetched it', async () => {
    await outcomeOf(remembering)
    await outcomeOf(forgetful, { sideCar: false })
    const finds = { ...remembering, findAsset: async () => Promise.reject(new Error('was asked')) }
    expect(await outcomeOf(finds)).toEqual({ message: 'was asked' })
  })

  it('is not asked about any more once it is here', async () => {
    let questions = 0
    const { store, clock } = registry
    const counted = {
      ...store,
      holdsFile: (...of: Parameters<typeof store.holdsFile>) => {
        questions += 1
        return store.holdsFile(...of)
      },
    }
    const parts = { ...remembering, offers: rememberOffers({ store: counted, clock }) }
    for (let times = 0; times < 4; times++)
      expect(await outcomeOf(parts, { sideCar: false })).toMatchObject({ version: '1.0' })
    expect(questions).toBe(1)
  })

  it.each([{ declared: true }, { declared: false }])(
    'has its side-car looked up once where its digest is declared: $declared',
    async ({ declared }) => {
      const more = declared ? {} : { more: { 'core-metadata': true, 'data-dist-info-metadata': true } }
      wheel = await publishUpstream(second, '1.1', more)
      select = { file: wheel.file, path: wheel.path.slice(1), sideCar: true }
      let lookups = 0
      const { store } = remembering
      const counted: ReadParts['store'] = {
        ...store,
        findSideCar(...of) {
          lookups += 1
          return store.findSideCar(...of)
        },
      }
      await outcomeOf({ ...remembering, store: counted }) // fetches it
      lookups = 0
      for (let times = 0; times < 3; times++)
        expect(await outcomeOf({ ...remembering, store: counted })).toMatchObject({ version: '1.1' })
      expect(lookups).toBe(declared ? 1 : 3)
      expect(searches).toBe(1)
    },
  )
})

// ----------------------------------------------------------------------------------------- each counter by itself

const NOW = 1_000_000
const HOUR = 3_600_000

type Standing = {
  readonly topology?: number
  readonly package?: number | null
  readonly repository?: string
  readonly select?: Partial<AssetSelection>
  /** Of the first index that was asked, which has nothing, and of the second, which lists the file. */
  readonly indexes?: readonly (Revision['index'] | 'as before')[]
  readonly isHeld?: boolean
}

async function findAgain(
  later: Standing,
  { readAlong, first: made = {}, isAlone = false }: { readAlong: boolean; first?: Standing; isAlone?: boolean },
) {
  const connections = ['pypi:first', 'pypi:second'].map(parseConnectionName)
  const before = { revision: 5, freshUntil: NOW + 1 }
  const indexOf = (of: Standing, connection: string): Revision['index'] => {
    const said = of.indexes?.[connections.findIndex((name) => name === connection)]
    return said === undefined || said === 'as before' ? before : said
  }
  const base = await registry.scope('main')
  const scopeAt = (of: Standing): Scope => ({
    ...base,
    view: { ...base.view, counter: of.topology ?? 1 },
    repository: { ...base.repository, name: parseRepositoryName(of.repository ?? 'main') },
    packageCounter: of.package === undefined ? 1 : of.package,
    ...(readAlong && { index: { connection: connections[1]!, read: indexOf(of, 'pypi:second') } }),
  })
  const offers = rememberOffers({
    clock: { now: () => NOW },
    store: {
      readRevision: async ({ index }) => ({ topology: 0, package: 0, index: indexOf(later, String(index)) }),
      holdsFile: async () => later.isHeld ?? false,
    },
  })
  const asked = isAlone ? [] : connections.map((connection) => ({ connection, revision: 5 }))
  const known = { offered: { file: {}, facts: {}, asked } as unknown as KnownOffer['offered'], isOwned: false }
  const at = { file: 'demo-1.0-py3-none-any.whl' }
  offers.remember(scopeAt(made), demo, at, known)
  return offers.find(scopeAt(later), [], demo, { ...at, ...later.select })
}

const MOVED = { revision: 6, freshUntil: NOW + 1 }
const OLD = { revision: 5, freshUntil: NOW }
const FROM_THE_FUTURE = { revision: 5, freshUntil: NOW + HOUR + 1 }

describe.each([{ readAlong: true }, { readAlong: false }])('an offer, its index read along: $readAlong', (how) => {
  it.each<{ what: string; later: Standing; stands: boolean }>([
    { what: 'the same counters', later: {}, stands: true },
    { what: 'a topology that moved', later: { topology: 2 }, stands: false },
    { what: 'a package that moved', later: { package: 2 }, stands: false },
    { what: 'counters that nobody read', later: { package: null }, stands: false },
    { what: 'another repository', later: { repository: 'apart' }, stands: false },
    { what: 'another path', later: { select: { path: 'packages/aa/bb/cc' } }, stands: false },
    { what: 'another file', later: { select: { file: 'demo-1.1-py3-none-any.whl' } }, stands: false },
    { what: 'its index moved', later: { indexes: ['as before', MOVED] }, stands: false },
    { what: 'its index given up', later: { indexes: ['as before', null] }, stands: false },
    { what: 'its index to be asked about again', later: { indexes: ['as before', OLD] }, stands: false },
    { what: 'its index from the future', later: { indexes: ['as before', FROM_THE_FUTURE] }, stands: false },
    { what: 'an index before its own moved', later: { indexes: [MOVED, 'as before'] }, stands: false },
    { what: 'an index before its own given up', later: { indexes: [null, 'as before'] }, stands: false },
    { what: 'an index before its own to be asked again', later: { indexes: [OLD, 'as before'] }, stands: false },
    { what: 'the file being here', later: { isHeld: true }, stands: false },
  ])('with $what stands: $stands', async ({ later, stands }) => {
    expect((await findAgain(later, how)) !== undefined).toBe(stands)
  })
})

it.each([
  { what: 'all that it was made from', is: true, how: {}, later: {} },
  { what: 'no index, since its version was asked for alone', is: false, how: { isAlone: true }, later: {} },
  {
    what: 'counters that nobody read',
    is: false,
    how: { first: { package: null } },
    later: { package: null },
  },
])('an offer that was made from $what is remembered: $is', async ({ is, how, later }) => {
  expect((await findAgain(later, { readAlong: true, ...how })) !== undefined).toBe(is)
})
