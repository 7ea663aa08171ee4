import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rulesIn } from '../support/rules.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// What was published upstream a moment ago may be malicious, and nobody has looked yet.

const HOUR = 3_600_000
const DAY = 24 * HOUR
const OLD = '2024-01-01T00:00:00.000Z'

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry
const rules = rulesIn(() => registry)

beforeAll(async () => {
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

type Pattern = { readonly format: 'npm' | 'pypi'; readonly package: string; readonly versions?: string[] }

const holdForADay = ({ repository, ...rest }: { repository?: string; except?: Pattern[]; packages?: Pattern[] } = {}) =>
  rules.add({ kind: 'minimum-age', seconds: DAY / 1000, ...rest }, repository)

/** With a token of now: days pass here. */
const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
  registry.fetch(path, { token: await registry.admin.token(), headers })

const hourAgo = () => new Date(Date.now() - HOUR).toISOString()

type Packument = {
  'dist-tags': Record<string, string>
  versions: Record<string, { dist: { tarball: string } }>
  time?: Record<string, string>
}

describe('a version of an hour, where a day is asked for', () => {
  it.each(['application/json', 'application/vnd.npm.install-v1+json'])(
    'is not in the document of npm (%s), `latest` points elsewhere, its tarball is refused with the reason, and a day later it is there',
    async (accept) => {
      const name = `young-${accept.length}`
      await npmjs.publish({ name, version: '1.0.0', time: OLD })
      await npmjs.publish({ name, version: '1.1.0', time: hourAgo() })
      const rule = await holdForADay()
      const document = async () => {
        const answer = await get(`/npm/local/main/${name}`, { accept })
        return {
          etag: answer.headers.get('etag'),
          notice: answer.headers.get('npm-notice'),
          body: (await answer.json()) as Packument,
        }
      }
      const before = await document()
      expect(Object.keys(before.body.versions)).toEqual(['1.0.0'])
      expect(before.body['dist-tags']['latest']).toBe('1.0.0')
      expect(before.body.time?.['1.1.0']).toBeUndefined()
      expect(before.notice).toMatch(/held back: it is younger than 1 day/)

      const tarball = `/npm/local/main/${name}/-/${name}-1.1.0.tgz`
      const refused = await get(tarball)
      expect(refused.status).toBe(403)
      const { error } = (await refused.json()) as { error: string }
      expect(error).toContain(rule)
      expect(error).toMatch(/1\.1\.0 is held back: it is younger than 1 day; it is released at \d{4}-/)
      const asked = await get(`/npm/local/main/${name}/1.1.0`)
      expect(asked.status).toBe(403)
      expect(await asked.text()).toContain(rule)
      expect((await get(`/npm/local/main/${name}/latest`)).status).toBe(200)

      registry.passTime(DAY)
      const after = await document()
      expect(Object.keys(after.body.versions)).toEqual(['1.0.0', '1.1.0'])
      expect(after.body['dist-tags']['latest']).toBe('1.1.0')
      expect(after.etag).not.toBe(before.etag)
      expect((await get(tarball)).status).toBe(200)
    },
  )

  it('is not on the page of PyPI, its files are refused with the reason, and a day later they are there', async () => {
    const name = 'young-project'
    await pypi.publish({ name, version: '1.0.0', uploadTime: OLD })
    const [file] = await pypi.publish({ name, version: '1.1.0', uploadTime: hourAgo() })
    const rule = await holdForADay()
    const page = async (accept: string) => {
      const answer = await get(`/pypi/local/main/simple/${name}/`, { accept })
      return { etag: answer.headers.get('etag'), text: await answer.text() }
    }
    const accepts = ['text/html', 'application/vnd.pypi.simple.v1+json']
    const before = await Promise.all(accepts.map(page))
    for (const { text } of before) {
      expect(text).toContain('1.0.0')
      expect(text).not.toContain('1.1.0')
    }
    const path = new URL(file?.url ?? '').pathname
    const address = `/pypi/local/main${path}`
    const refused = await get(address)
    expect(refused.status).toBe(403)
    expect(refused.statusText).toMatch(/held back: it is younger than 1 day/)
    expect(await refused.text()).toContain(rule)

    registry.passTime(DAY)
    const after = await Promise.all(accepts.map(page))
    for (const [at, { text, etag }] of after.entries()) {
      expect(text).toContain('1.1.0')
      expect(etag).not.toBe(before[at]?.etag)
    }
    expect((await get(address)).status).toBe(200)
  })

  it('is held also where it was fetched before there was the rule', async () => {
    const name = 'young-and-fetched'
    await npmjs.publish({ name, version: '1.0.0', time: hourAgo() })
    const tarball = `/npm/local/main/${name}/-/${name}-1.0.0.tgz`
    expect((await get(tarball)).status).toBe(200)
    await holdForADay()
    expect((await get(tarball)).status).toBe(403)
    expect((await get(`/npm/local/main/${name}`)).status).toBe(403)
  })

  it('is held in the repository that the rule names, and in no other', async () => {
    const name = 'young-in-main'
    await npmjs.publish({ name, version: '1.0.0', time: hourAgo() })
    await holdForADay({ repository: 'main' })
    expect((await get(`/npm/local/main/${name}`)).status).toBe(403)
    expect((await get(`/npm/local/npm-store/${name}`)).status).toBe(200)
  })
})

describe('a version whose age the upstream does not tell', () => {
  it('counts from when it was first seen', async () => {
    const name = 'ageless'
    await npmjs.publish({ name, version: '1.0.0', time: null })
    await holdForADay({ packages: [{ format: 'npm', package: name }] })
    expect((await get(`/npm/local/main/${name}`)).status).toBe(403)
    registry.passTime(DAY - HOUR)
    // Another version makes another document: the first keeps its age.
    await npmjs.publish({ name, version: '1.1.0', time: null })
    registry.passTime(HOUR)
    const answer = await get(`/npm/local/main/${name}`, { 'cache-control': 'no-cache' })
    expect(answer.status).toBe(200)
    expect(Object.keys(((await answer.json()) as Packument).versions)).toEqual(['1.0.0'])
  })
})

describe('an exception', () => {
  it('lets through one version, and no other', async () => {
    const name = 'excepted'
    await npmjs.publish({ name, version: '1.0.0', time: hourAgo() })
    await npmjs.publish({ name, version: '1.0.1', time: hourAgo() })
    await holdForADay({ except: [{ format: 'npm', package: name, versions: ['1.0.0'] }] })
    const { versions } = (await (await get(`/npm/local/main/${name}`)).json()) as Packument
    expect(Object.keys(versions)).toEqual(['1.0.0'])
    expect((await get(`/npm/local/main/${name}/-/${name}-1.0.1.tgz`)).status).toBe(403)
  })

  it('does not let through what another rule holds', async () => {
    const name = 'excepted-and-denied'
    await npmjs.publish({ name, version: '1.0.0', time: hourAgo() })
    await holdForADay({ except: [{ format: 'npm', package: name }] })
    await rules.add({ kind: 'deny-list', packages: [{ format: 'npm', package: name }], reason: 'malware' })
    expect((await get(`/npm/local/main/${name}/-/${name}-1.0.0.tgz`)).status).toBe(403)
  })
})
