import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  assembleRegistry,
  DOMAIN,
  formatOf,
  npmPackage,
  type AssembledRegistry,
  type Layout,
} from '../../test/support/assembled-registry.ts'
import { startNpmUpstream, type NpmUpstream } from '../../test/support/upstream/npm.ts'
import type { PackageName } from '../registry/names.ts'
import { parseRepositoryName } from '../registry/names.ts'
import type { ReadOptions } from '../registry/read.ts'
import { createKept, type Kept, type KeptParts, type Want } from './kept.ts'
import type { KeptEntry } from './kept-entry.ts'
import { render, type RenderResult } from './worker.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ENDPOINT = 'http://127.0.0.1:8787/npm/local/'
const hello = npmPackage('hello')
const secret = npmPackage('secret')

/** Kept answers as the server uses them: counters first, then the view of the domain, then the answer. */
type Kitchen = {
  readonly kept: Kept
  readonly filed: Map<string, KeptEntry>
  readonly failures: unknown[]
  /** How many answers were rendered so far. */
  rendered(): number
  /** Called before each rendering. */
  onRender: (() => Promise<void>) | null
  ask(
    name: PackageName,
    over?: Partial<Want> & { repository?: string; origin?: string },
    options?: Partial<ReadOptions>,
  ): Promise<Answered>
}
type Answered = {
  readonly status: string
  readonly versions: readonly string[]
  readonly tarball: string
  readonly stale: boolean
}

function openKitchen(assembled: AssembledRegistry, over: Partial<KeptParts> = {}): Kitchen {
  const { store, blobs, clock, registry } = assembled
  const filed = new Map<string, KeptEntry>()
  const failures: unknown[] = []
  let rendered = 0
  const kitchen: Kitchen = {
    filed,
    failures,
    rendered: () => rendered,
    onRender: null,
    kept: createKept({
      store,
      blobs,
      clock,
      memory: 10_000_000,
      files: {
        read: async (key) => filed.get(key),
        write: (key, entry) => void filed.set(key, entry),
        [Symbol.asyncDispose]: async () => {},
      },
      readPackage: registry.readPackage,
      async render(format, input, encoding, read) {
        rendered += 1
        await kitchen.onRender?.()
        const compressed = input.index ? await read() : null
        if (compressed === undefined) return { kind: 'lost' }
        const index = input.index && compressed && { ...input.index, compressed }
        return (await render({ renderer: format.renderer.href, input: { ...input, index }, encoding })) as RenderResult
      },
      used: () => {},
      onRefreshFailure: (error) => void failures.push(error),
      ...over,
    }),
    async ask(name, { repository = 'main', origin = '', ...more } = {}, options = {}) {
      const index = kitchen.kept.connectionOf({ domain: DOMAIN, repository }, name)
      const revision = await store.readRevision({ domain: DOMAIN, format: name.format, key: name.key, index })
      const scope = await assembled.scope(repository)
      const endpoint = `${origin || 'http://127.0.0.1:8787'}/npm/local/${repository}/`
      const want = {
        format: formatOf(name),
        scope,
        name,
        form: 'full',
        encoding: 'identity',
        endpoint,
        ...more,
      } as const
      const read = { deadline: clock.now() + 30_000, ...options }
      const { answer, status } = await kitchen.kept.read(want, { revision, index }, read)
      const { versions } = JSON.parse(Buffer.from(answer.body).toString()) as {
        versions: Record<string, { dist: { tarball: string } }>
      }
      const names = Object.keys(versions)
      return { status, versions: names, tarball: versions[names[0] ?? '']?.dist.tarball ?? '', stale: answer.stale }
    },
  }
  return kitchen
}

let upstream: NpmUpstream
let assembled: AssembledRegistry
let kitchen: Kitchen
const onePublic = (): Layout => ({
  connections: { 'npm:public': upstream.url },
  repositories: {
    store: { connections: ['npm:public'] },
    main: { upstreams: ['store'] },
    other: { upstreams: ['store'] },
  },
})

beforeEach(async () => {
  upstream = await startNpmUpstream()
  assembled = await assembleRegistry(onePublic())
  kitchen = openKitchen(assembled)
})
afterEach(async () => {
  await assembled[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const deny = (id: string, repository: string | null, versions: readonly string[]) => ({
  change: 'create-rule' as const,
  rule: {
    id,
    domain: DOMAIN,
    repository: repository === null ? null : parseRepositoryName(repository),
    rule: {
      kind: 'deny-list' as const,
      packages: [{ format: 'npm', package: 'hello', versions }],
      reason: 'no',
    },
  },
})
const remakeRepository = async (name: string, connections: readonly string[]) => {
  const { repository } = await assembled.scope(name)
  await assembled.commit(
    { change: 'delete-repository', domain: DOMAIN, repository: repository.name },
    { change: 'create-repository', repository: { ...repository, connections: connections as never } },
  )
}

describe('an answer that is kept', () => {
  beforeEach(async () => void (await upstream.publish({ name: 'hello', version: '1.0.0' })))

  it('is given again, without a rendering or a question to the upstream', async () => {
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'miss', versions: ['1.0.0'], stale: false })
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'hit', versions: ['1.0.0'], stale: false })
    expect(kitchen.rendered()).toBe(1)
    expect(upstream.countOf('/hello')).toBe(1)
  })

  it('is made once for all who want it at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => kitchen.ask(hello)))
    expect(new Set(answers.map(({ versions }) => versions.join()))).toEqual(new Set(['1.0.0']))
    expect(kitchen.rendered()).toBe(1)
  })

  it('is one per form, encoding and address', async () => {
    const first = await kitchen.ask(hello, { origin: 'http://one.example' })
    const second = await kitchen.ask(hello, { origin: 'https://two.example' })
    await kitchen.ask(hello, { origin: 'http://one.example', form: 'abbreviated' })
    expect(first.tarball).toBe('http://one.example/npm/local/main/hello/-/hello-1.0.0.tgz')
    expect(second.tarball).toBe('https://two.example/npm/local/main/hello/-/hello-1.0.0.tgz')
    expect(kitchen.rendered()).toBe(3)
    expect((await kitchen.ask(hello, { origin: 'https://two.example' })).tarball).toBe(second.tarball)
    expect(kitchen.rendered()).toBe(3)
  })

  it('ends with a publish', async () => {
    const own = npmPackage('own')
    await assembled.publish('main', own, '1.0.0', 'first')
    expect((await kitchen.ask(own)).versions).toEqual(['1.0.0'])
    await assembled.publish('main', own, '1.1.0', 'second')
    expect(await kitchen.ask(own)).toMatchObject({ status: 'miss', versions: ['1.0.0', '1.1.0'] })
  })

  it('made while a publish was committed does not hold without it', async () => {
    const own = npmPackage('own')
    await assembled.publish('main', own, '1.0.0', 'first')
    kitchen.onRender = async () => {
      kitchen.onRender = null
      await assembled.publish('main', own, '1.1.0', 'second')
    }
    expect((await kitchen.ask(own)).versions).toEqual(['1.0.0'])
    expect((await kitchen.ask(own)).versions).toEqual(['1.0.0', '1.1.0'])
  })

  it('differs between repositories with different rules', async () => {
    await upstream.publish({ name: 'hello', version: '1.1.0' })
    await assembled.commit(deny('r1', 'other', ['1.1.0']))
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0', '1.1.0'])
    expect((await kitchen.ask(hello, { repository: 'other' })).versions).toEqual(['1.0.0'])
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0', '1.1.0'])
  })

  it('ends with a new rule, also where its counters and its index are read one after the other', async () => {
    await upstream.publish({ name: 'hello', version: '1.1.0' })
    await kitchen.ask(hello)
    // A process that started anew: the answer is there, which index it was made from is not known beforehand.
    const restarted = openKitchen(assembled)
    for (const [key, entry] of kitchen.filed) restarted.filed.set(key, entry)
    const revision = await assembled.store.readRevision({
      domain: DOMAIN,
      format: 'npm',
      key: hello.key,
      index: null,
    })
    const scope = await assembled.scope('main')
    // Between what this request saw of the rules and its look at the index:
    await assembled.commit(deny('r1', null, ['1.1.0']))
    await upstream.publish({ name: 'hello', version: '1.2.0' })
    assembled.clock.advance(25 * HOUR)
    const want = { format: formatOf(hello), scope, name: hello, form: 'full', encoding: 'identity' as const }
    await restarted.kept.read(
      { ...want, endpoint: `${ENDPOINT}main/` },
      { revision, index: null },
      { deadline: assembled.clock.now() + 30_000 },
    )
    expect((await restarted.ask(hello)).versions).toEqual(['1.0.0', '1.2.0'])
  })

  it('does not outlive its repository', async () => {
    await kitchen.ask(hello, { repository: 'store' })
    await assembled.commit({
      change: 'set-repository',
      repository: { ...(await assembled.scope('main')).repository, upstreams: [] },
    })
    await assembled.commit({
      change: 'set-repository',
      repository: { ...(await assembled.scope('other')).repository, upstreams: [] },
    })
    await remakeRepository('store', [])
    await expect(kitchen.ask(hello, { repository: 'store' })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('weighs the memory that it holds, not only the bytes that it shows', async () => {
    const slab = new Uint8Array(1_000_000)
    const small = openKitchen(assembled, {
      memory: 600_000,
      render: async () => ({
        kind: 'document',
        body: slab.subarray(0, 2).fill(0x7b, 0, 1).fill(0x7d, 1),
        contentType: 'application/json',
        etag: '"x"',
        notice: null,
        lastModified: null,
        expiresAt: null,
      }),
      files: { read: async () => undefined, write: () => {}, [Symbol.asyncDispose]: async () => {} },
    })
    const ask = () =>
      small.ask(hello).then(
        ({ status }) => status,
        () => 'miss',
      )
    expect([await ask(), await ask()]).toEqual(['miss', 'miss'])
  })
})

describe('bytes that a rendering gives', () => {
  it.each(['identity', 'gzip'] as const)('%s: are no view of larger memory', async (encoding) => {
    await upstream.publish({ name: 'hello', version: '1.0.0' })
    const { answer } = await kitchen.kept.read(
      {
        format: formatOf(hello),
        scope: await assembled.scope('main'),
        name: hello,
        form: 'abbreviated',
        encoding,
        endpoint: ENDPOINT,
      },
      { revision: { topology: 0, package: 0, index: null }, index: null },
      { deadline: assembled.clock.now() + 30_000 },
    )
    expect(answer.body.byteLength).toBeGreaterThan(0)
    expect(answer.body.buffer.byteLength).toBe(answer.body.byteLength)
  })
})

describe('time', () => {
  beforeEach(async () => void (await upstream.publish({ name: 'hello', version: '1.0.0' })))
  const settled = async (count: number) => {
    await expect.poll(() => upstream.countOf('/hello')).toBe(count)
    await expect
      .poll(async () => (await assembled.store.findIndex('npm:public' as never, 'npm', hello.key))?.checkedAt)
      .toBeGreaterThan(assembled.clock.now() - 10_000)
  }

  it('lets an answer be given at once and refreshed behind, and says that it is stale', async () => {
    await kitchen.ask(hello)
    assembled.clock.advance(15 * MINUTE)
    await upstream.publish({ name: 'hello', version: '1.1.0' })
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'stale', stale: true, versions: ['1.0.0'] })
    await settled(2)
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'miss', stale: false, versions: ['1.0.0', '1.1.0'] })
    expect(kitchen.failures).toEqual([])
  })

  it('passed, and nothing is new: the same bytes are fresh again', async () => {
    await kitchen.ask(hello)
    assembled.clock.advance(15 * MINUTE)
    await kitchen.ask(hello)
    await settled(2)
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'hit', stale: false })
    assembled.clock.advance(15 * MINUTE)
    // A client that wants no stale copy waits for the upstream's word, not for a rendering.
    expect(await kitchen.ask(hello, {}, { whileRevalidating: false })).toMatchObject({ status: 'miss', stale: false })
    assembled.clock.advance(48 * HOUR)
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'miss', stale: false })
    expect(upstream.countOf('/hello')).toBe(4)
    expect(kitchen.rendered()).toBe(1)
  })

  it('passed while the upstream is down: what is kept is given and marked, without being rendered each time', async () => {
    await kitchen.ask(hello)
    await upstream.down()
    assembled.clock.advance(48 * HOUR)
    for (let asked = 0; asked < 3; asked++) {
      expect(await kitchen.ask(hello)).toMatchObject({ status: 'stale', stale: true, versions: ['1.0.0'] })
    }
    expect(kitchen.rendered()).toBe(1)
    await upstream.up()
    assembled.clock.advance(MINUTE)
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'miss', stale: false })
  })

  it('an answer that was made of an older index is made once, and is stale until the upstream was asked again', async () => {
    await kitchen.ask(hello)
    await upstream.down()
    assembled.clock.advance(48 * HOUR)
    const restarted = openKitchen(assembled)
    for (let time = 0; time < 3; time++) expect(await restarted.ask(hello)).toMatchObject({ stale: true })
    expect(restarted.rendered()).toBe(1)
    await upstream.up()
    await expect.poll(async () => (await restarted.ask(hello)).stale).toBe(false)
    expect(restarted.rendered()).toBe(1)
    await upstream.publish({ name: 'hello', version: '3.0.0' })
    assembled.clock.advance(48 * HOUR)
    expect((await restarted.ask(hello)).versions).toContain('3.0.0')
  })

  it('that is set back does not make an answer fresh for as long', async () => {
    assembled.clock.advance(100 * HOUR)
    await kitchen.ask(hello)
    assembled.clock.advance(-100 * HOUR)
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'stale' })
    await settled(2)
    await expect.poll(async () => (await kitchen.ask(hello)).status).toBe('hit')
  })
})

describe('several connections', () => {
  let own: NpmUpstream
  beforeEach(async () => {
    own = await startNpmUpstream()
    await assembled[Symbol.asyncDispose]()
    assembled = await assembleRegistry({
      connections: { 'npm:own': own.url, 'npm:public': upstream.url },
      repositories: { main: { connections: ['npm:own', 'npm:public'] } },
    })
    kitchen = openKitchen(assembled)
    await upstream.publish({ name: 'hello', version: '1.0.0' })
  })
  afterEach(() => own[Symbol.asyncDispose]())

  it('the first one\u2019s package counts as soon as it has it', async () => {
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0'])
    await own.publish({ name: 'hello', version: '7.0.0' })
    assembled.clock.advance(2 * MINUTE)
    // Within the time in which an absence holds, and while it is asked about.
    await kitchen.ask(hello)
    await expect.poll(async () => (await kitchen.ask(hello)).versions).toEqual(['7.0.0'])
    expect(upstream.countOf('/hello')).toBe(1)
  })

  it('an answer that rests on a 404 of the first is given, marked, while that one is down', async () => {
    await kitchen.ask(hello)
    await own.down()
    assembled.clock.advance(2 * MINUTE)
    expect(await kitchen.ask(hello)).toMatchObject({ status: 'stale', stale: true, versions: ['1.0.0'] })
    await expect.poll(() => kitchen.failures.length).toBe(1)
  })
})

describe('a look-up that must tell no upstream', () => {
  const silently = { askUpstream: false }

  it('asks none, and its answer is nobody else\u2019s', async () => {
    await upstream.publish({ name: 'secret', version: '1.0.0' })
    await expect(kitchen.ask(secret, {}, silently)).rejects.toMatchObject({ code: 'not_found' })
    expect(upstream.requests).toEqual([])
    expect(await kitchen.ask(secret)).toMatchObject({ status: 'miss', versions: ['1.0.0'] })
    // Nor is what others got by asking given to it.
    await expect(kitchen.ask(secret, {}, silently)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('of a name of the domain: gives it, and keeps nothing', async () => {
    await assembled.publish('main', secret, '1.0.0', 'ours')
    expect((await kitchen.ask(secret, {}, silently)).versions).toEqual(['1.0.0'])
    expect(kitchen.filed.size).toBe(0)
    expect(upstream.requests).toEqual([])
  })
})

describe('errors', () => {
  it('are told to everyone who waited, and to nobody after them', async () => {
    await upstream.publish({ name: 'hello', version: '1.0.0' })
    await upstream.down()
    const asked = await Promise.allSettled(Array.from({ length: 5 }, () => kitchen.ask(hello)))
    expect(asked.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(
      Array.from({ length: 5 }, () => 'upstream_down'),
    )
    await upstream.up()
    assembled.clock.advance(10_000)
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0'])
  })

  it('a package that was not there is there when it is published here', async () => {
    await expect(kitchen.ask(hello)).rejects.toMatchObject({ code: 'not_found' })
    await assembled.publish('main', hello, '1.0.0', 'ours')
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0'])
  })
})

describe('what was retained', () => {
  it('shows as the last word when the upstream denies the package, and grows with what arrives late', async () => {
    const releases = [
      await upstream.publish({ name: 'hello', version: '1.0.0' }),
      await upstream.publish({ name: 'hello', version: '1.1.0' }),
    ]
    const fetch = async (repository: string, file: string) => {
      const { body } = await assembled.registry.openAsset(
        await assembled.scope(repository),
        hello,
        { file },
        { deadline: assembled.clock.now() + 30_000 },
      )
      const into = Buffer.alloc(1_000_000)
      for (let at = 0, read = 1; read > 0; at += read) read = await body.read(into, at)
      await body[Symbol.asyncDispose]()
    }
    await fetch('main', releases[0]?.file ?? '')
    upstream.unpublish('hello')
    assembled.clock.advance(25 * HOUR)
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0'])
    // A download that was under way all the while lands.
    const scope = await assembled.scope('main')
    const [version] = await assembled.store.listVersions(DOMAIN, [scope.repository.name], 'npm', hello.key)
    if (!version) throw new Error('nothing was retained')
    const { assets, ...bare } = version
    const at = { domain: DOMAIN, repository: scope.repository.name, format: 'npm', key: hello.key } as const
    await assembled.commit(
      { change: 'retain-version', version: { ...bare, version: '1.1.0', revision: 'late' } },
      { change: 'retain-asset', at: { ...at, version: '1.1.0' }, asset: { ...assets[0]!, file: 'hello-1.1.0.tgz' } },
    )
    assembled.clock.advance(2 * MINUTE)
    expect((await kitchen.ask(hello)).versions).toEqual(['1.0.0', '1.1.0'])
  })
})
