import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { accessKeyContext } from './auth/identifiers.ts'
import { buildConfig, readSettings } from './config.ts'
import { firstStart } from './first-start.ts'
import { openInstallation } from './installation.ts'
import { MAINTENANCE } from './maintenance.ts'
import { DEFAULTS } from './registry/bootstrap.ts'
import { publicConnections } from './upstream/public-registries.ts'

let folder = ''
let printed = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-maintenance-'))
  printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text)
    return true
  })
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

const data = (name = 'data') => join(folder, name)
const open = (name?: string) =>
  openInstallation(buildConfig(readSettings(['--data', data(name), '--region', 'us-east-1'], {}), folder))
const run = (command: string, ...args: readonly string[]) => {
  const found = MAINTENANCE[command]
  if (!found) throw new Error(`no command ${command}`)
  return found(args, openInstallation, '0.0.0')
}
/** An installation as its first start leaves it. */
async function start(name?: string) {
  await using installation = await open(name)
  return await firstStart({ ...installation, data: data(name), connections: publicConnections({}) }, null)
}
const credentials = async (name?: string) => readFile(join(data(name), 'credentials'), 'utf8')
const keyIn = (text: string) => /aws_access_key_id = (\w+)/.exec(text)?.[1] ?? ''
const secretIn = (text: string) => /aws_secret_access_key = (\S+)/.exec(text)?.[1] ?? ''

describe('backup and restore', () => {
  it('bring an installation somewhere else, and nothing of its kept answers', async () => {
    const { installation } = await start()
    const file = join(folder, 'granary.tar')
    expect(await run('backup', file, '--data', data())).toBe(0)
    expect(printed).toMatch(/^Wrote .*granary\.tar: 0 files, \d+ rows/)

    await using there = await open('there')
    await there[Symbol.asyncDispose]()
    // The key is no part of a backup; kept answers of another time could seem to hold again.
    await writeFile(join(data('there'), 'master.key'), await readFile(join(data(), 'master.key')))
    await writeFile(join(data('there'), 'kept'), 'answers of an earlier life')
    expect(await run('restore', '--data', data('there'), file)).toBe(0)
    expect(await readdir(data('there'))).not.toContain('kept')
    await using restored = await open('there')
    expect(await restored.store.findSetting('installation')).toBe(installation)
    expect(await firstStart({ ...restored, data: data('there'), connections: publicConnections({}) }, null)).toEqual({
      installation,
      isFirst: false,
    })
  })

  it.each([
    ['first', (file: string, to: string) => [file, '--data', to]],
    ['last', (file: string, to: string) => ['--data', to, file]],
    ['between', (file: string, to: string) => ['--json', `--data=${to}`, file, '--region', 'us-east-1']],
  ])('take their file wherever it stands: %s', async (_, args) => {
    await start()
    const file = join(folder, 'granary.tar')
    expect(await run('backup', ...args(file, data()))).toBe(0)
    expect((await stat(file)).isFile()).toBe(true)
  })

  it.each([[], ['--json'], ['--data', '/nowhere'], ['--include-cache']])(
    'say how they are used without one: %j',
    async (...args) => {
      await expect(run('backup', ...args.flat())).rejects.toThrow('usage: granary backup FILE [--include-cache]')
    },
  )

  it('refuse what they do not know', async () => {
    await expect(run('backup', 'x.tar', '--incude-cache')).rejects.toThrow(/incude-cache/)
  })

  it('restore nothing over what is there', async () => {
    await start()
    const file = join(folder, 'granary.tar')
    await run('backup', file, '--data', data())
    await expect(run('restore', file, '--data', data())).rejects.toMatchObject({ name: expect.any(String) })
    await using unchanged = await open()
    expect(await unchanged.store.findUser(DEFAULTS.account, DEFAULTS.user)).toBeDefined()
  })
})

describe('fsck', () => {
  it('finds a sound installation sound', async () => {
    await start()
    expect(await run('fsck', '--data', data())).toBe(0)
    expect(printed).toMatch(/^Sound: 0 files/)
  })

  it('says what is damaged, and ends with 1', async () => {
    await start()
    await using installation = await open()
    const sha256 = 'ab'.repeat(32)
    const format = 'npm'
    const index = { connection: 'public:npmjs', format, key: 'hello', document: { sha256, size: 5 } }
    const times = { checkedAt: 0, freshUntil: 0, etag: null, lastModified: null, state: 'present' }
    await installation.store.commit([{ change: 'put-index', index: { ...index, ...times } as never, facts: null }])
    expect(await run('fsck', '--data', data(), '--json')).toBe(1)
    expect(JSON.parse(printed)).toMatchObject({ ok: false, missing: [sha256] })
  })
})

describe('recover-key', () => {
  it('makes a key that works, in the file that only its owner reads, beside those there are', async () => {
    await start()
    const old = await credentials()
    expect(await run('recover-key', '--data', data())).toBe(0)
    const text = await credentials()
    expect(printed).toContain(keyIn(text))
    expect(printed).not.toContain(secretIn(text))
    expect((await stat(join(data(), 'credentials'))).mode & 0o777).toBe(0o600)
    await using installation = await open()
    for (const each of [old, text]) {
      const key = await installation.store.findAccessKey(keyIn(each))
      expect(key).toMatchObject({ userName: 'admin', revokedAt: null })
      expect(installation.sealer.open(key?.secret ?? '', accessKeyContext(keyIn(each))).toString()).toBe(secretIn(each))
    }
    expect(keyIn(text)).not.toBe(keyIn(old))
  })

  it('without the first user says so, and leaves no secret behind', async () => {
    await start()
    {
      await using installation = await open()
      await installation.store.commit([{ change: 'delete-user', account: DEFAULTS.account, name: DEFAULTS.user }])
    }
    await expect(run('recover-key', '--data', data())).rejects.toThrow(/no user admin/)
    expect((await readdir(data())).filter((name) => name.startsWith('credentials'))).toEqual(['credentials'])
  })
})
