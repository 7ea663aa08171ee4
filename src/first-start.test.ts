import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { accessKeyContext } from './auth/identifiers.ts'
import { createSealer } from './auth/secrets.ts'
import { draftCredentials, firstStart } from './first-start.ts'
import { DEFAULTS } from './registry/bootstrap.ts'
import { parseRepositoryName } from './registry/names.ts'
import { openSqlite, type SqliteStore } from './storage/sql/sqlite.ts'
import { publicConnections } from './upstream/public-registries.ts'

const clock = { now: () => Date.now() }
const sealer = createSealer(randomBytes(32))

let data = ''
let store: SqliteStore
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'granary-first-'))
  store = await openSqlite(':memory:', { clock })
})
afterEach(async () => {
  await store[Symbol.asyncDispose]()
  await rm(data, { recursive: true, force: true })
})

const parts = () => ({ store, sealer, clock, data, connections: publicConnections({}) })
const start = (key: Parameters<typeof firstStart>[1] = null) => firstStart(parts(), key)
const files = async () => (await readdir(data)).toSorted()
const credentials = () => readFile(join(data, 'credentials'), 'utf8')
const keyIn = (text: string) => /aws_access_key_id = (\w+)/.exec(text)?.[1] ?? ''
const admin = () => store.listAccessKeys(DEFAULTS.account, DEFAULTS.user)

describe('the first start', () => {
  it('makes an operator, a domain, and repositories that one can install from', async () => {
    const { installation, isFirst } = await start()
    expect(isFirst).toBe(true)
    expect(await store.findSetting('installation')).toBe(installation)
    const repositories = await store.listRepositories(DEFAULTS.domain)
    expect(
      repositories.map(({ name, upstreams, connections }) => [name, ...upstreams, ...connections]).toSorted(),
    ).toEqual([
      ['main', 'npm-store', 'pypi-store'],
      ['npm-store', 'public:npmjs'],
      ['pypi-store', 'public:pypi'],
    ])
    expect((await store.listIdentityPolicies(DEFAULTS.account, DEFAULTS.user)).map(({ name }) => name)).toEqual([
      'administrator',
    ])
  })

  it('writes its key where only its owner reads it, as the AWS tools read it', async () => {
    await start()
    expect(await files()).toEqual(['credentials'])
    expect((await stat(join(data, 'credentials'))).mode & 0o777).toBe(0o600)
    const text = await credentials()
    const [, id = '', secret = ''] =
      /^\[default\]\naws_access_key_id = (AKIA\w{16})\naws_secret_access_key = (\S+)\n$/.exec(text) ?? []
    const [key] = await admin()
    expect(key?.id).toBe(id)
    expect(sealer.open(key?.secret ?? '', accessKeyContext(id)).toString()).toBe(secret)
  })

  it('takes the key that it is given, and writes none', async () => {
    const key = { id: 'AKIAGIVENGIVENGIVEN0', secret: 'a secret that was given' }
    expect((await start(key)).isFirst).toBe(true)
    expect(await files()).toEqual([])
    expect((await admin()).map(({ id }) => id)).toEqual([key.id])
    // At later starts the store has the say.
    expect((await start({ id: 'AKIAOTHEROTHEROTHER0', secret: 'another secret, too late' })).isFirst).toBe(false)
    expect((await admin()).map(({ id }) => id)).toEqual([key.id])
  })

  it('of many at once is made by one; all use what it made', async () => {
    const started = await Promise.all(Array.from({ length: 8 }, () => start()))
    expect(new Set(started.map(({ installation }) => installation)).size).toBe(1)
    expect(started.filter(({ isFirst }) => isFirst)).toHaveLength(1)
    expect(await files()).toEqual(['credentials'])
    expect((await admin()).map(({ id }) => id)).toEqual([keyIn(await credentials())])
  })

  it('is over: a default that was deleted does not come back', async () => {
    await start()
    await store.commit([
      { change: 'delete-repository', domain: DEFAULTS.domain, repository: parseRepositoryName('main') },
    ])
    await rm(join(data, 'credentials'))
    expect((await start()).isFirst).toBe(false)
    expect((await store.listRepositories(DEFAULTS.domain)).map(({ name }) => name)).toEqual(['npm-store', 'pypi-store'])
    expect(await files()).toEqual([])
  })
})

describe('a later start', () => {
  it('with another master key is refused, in one clear line', async () => {
    await start()
    const other = createSealer(randomBytes(32))
    await expect(firstStart({ ...parts(), sealer: other }, null)).rejects.toThrow(
      /sealed under the master key .* start with the key that this data was made with/,
    )
  })
})

describe('a first start that was killed', () => {
  it('after its commit: the next gives its key its name', async () => {
    await start()
    const key = keyIn(await credentials())
    await rename(join(data, 'credentials'), join(data, 'credentials.1234'))
    expect((await start()).isFirst).toBe(false)
    expect(await files()).toEqual(['credentials'])
    expect(keyIn(await credentials())).toBe(key)
  })

  it('before its commit: its draft is nobody\u2019s key', async () => {
    await draftCredentials(data, { id: 'AKIALEFTOVERLEFTOVER', secret: 'never committed' })
    expect((await start()).isFirst).toBe(true)
    await rm(join(data, 'credentials'))
    await start()
    expect(await files()).not.toContain('credentials')
    expect(keyIn(await readFile(join(data, (await files())[0] ?? ''), 'utf8'))).toBe('AKIALEFTOVERLEFTOVER')
  })

  it('leaves nothing that the next stumbles over', async () => {
    await start()
    await rm(join(data, 'credentials'))
    await writeFile(join(data, 'credentials.empty'), '')
    await writeFile(join(data, 'credentials.odd'), 'aws_access_key_id = ../../x\n')
    expect((await start()).isFirst).toBe(false)
  })

  it('and whose store refuses leaves no secret behind', async () => {
    const refusing = { ...store, commit: () => Promise.reject(new Error('no room')) }
    await expect(firstStart({ ...parts(), store: refusing }, null)).rejects.toThrow('no room')
    expect(await files()).toEqual([])
  })
})
