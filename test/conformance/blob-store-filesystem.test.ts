import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openFilesystemBlobs } from '../../src/storage/blobs/filesystem.ts'
import { ownedName } from '../../src/storage/blobs/owned-files.ts'
import { verifyBlob } from '../../src/storage/blobs/verify.ts'
import { contentOf, land, listed, openThere, sha256Of } from './blob-store.ts'
import { type SystemCall, systemError, watchedFileSystem } from './blob-store-failing-disk.ts'

const MIB = 1024 * 1024

let data: string
let root: string
let tmp: string
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'granary-disk-'))
  root = join(data, 'blobs')
  tmp = join(data, 'tmp')
})
afterEach(() => rm(data, { recursive: true }))

const fileOf = (sha256: string) => join(root, 'sha256', sha256.slice(0, 2), sha256.slice(2))
const hours = (count: number) => () => Date.now() + count * 3_600_000

describe('what reaches the disk, and when', () => {
  const calls: SystemCall[] = []
  const watched = watchedFileSystem((call) => void calls.push(call))
  const said = () =>
    calls.map(({ call, path, to }) =>
      `${call} ${[path, to].filter((name) => name !== undefined).join(' -> ')}`.replaceAll(data, ''),
    )

  it('fsyncs the file, renames it, and fsyncs its folder, in this order', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp, fs: watched })
    const bytes = Buffer.from('durable')
    const sha256 = sha256Of(bytes)
    const folder = `/blobs/sha256/${sha256.slice(0, 2)}`
    // Names of pending files differ from run to run.
    const landing = async () => {
      calls.length = 0
      await land(blobs, bytes)
      return said().map((call) => call.replace(/\/tmp\/\S+\.pending/, 'PENDING'))
    }
    const inOrder = [
      'open PENDING',
      'write PENDING',
      'sync PENDING',
      `rename PENDING -> ${folder}/${sha256.slice(2)}`,
      `sync ${folder}`,
    ]
    const first = await landing()
    expect(first.filter((call) => inOrder.includes(call))).toEqual(inOrder)
    // All folders, so that one fsync makes them durable: before a name is in any of them.
    const made = first.filter((call) => call.startsWith('mkdir '))
    expect(new Set(made).size).toBe(256)
    expect(made).toContain(`mkdir ${folder}`)
    expect(first.indexOf('sync /blobs/sha256')).toBeGreaterThan(first.lastIndexOf(made.at(-1) as string))
    expect(first.indexOf('sync /blobs/sha256')).toBeLessThan(first.findIndex((call) => call.startsWith('rename ')))
    const next = await landing()
    const besides = [`open ${folder}`, `close ${folder}`, 'close PENDING']
    expect(next.filter((call) => !besides.includes(call))).toEqual(inOrder)
    await vi.waitFor(() => expect(said().filter((call) => call.startsWith('close '))).toHaveLength(2))
    expect(said()).toContain(`close ${folder}`)
  })

  it('waits for no disk where the bytes can be had again, and writes no file anew that is there', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp, fs: watched })
    await land(blobs, Buffer.from('makes the folders'))
    const [replaceable, published] = [Buffer.from('from an upstream'), Buffer.from('from a person')]
    const file = fileOf(sha256Of(replaceable)).replace(data, '')
    calls.length = 0
    await land(blobs, replaceable, MIB, { isReplaceable: true })
    const landing = said().map((call) => call.replace(/\/tmp\/\S+\.pending/, 'PENDING'))
    // Files of the landing before may be closed meanwhile.
    const besides = /^(close|unlink) /
    expect(landing.filter((call) => !besides.test(call))).toEqual([
      'open PENDING',
      'write PENDING',
      `link PENDING -> ${file}`,
    ])
    expect((await contentOf(blobs, sha256Of(replaceable)))?.equals(replaceable)).toBe(true)
    await vi.waitFor(async () => expect(await readdir(tmp)).toEqual([]))

    // What is there may be a person's, who was told that it is durable: it gives way only to what is as durable.
    await land(blobs, published)
    calls.length = 0
    await land(blobs, published, MIB, { isReplaceable: true })
    const again = calls.map(({ call }) => call)
    expect(again.indexOf('sync')).toBeLessThan(again.indexOf('rename'))
    expect(again.indexOf('sync')).toBeGreaterThan(0)
    expect((await contentOf(blobs, sha256Of(published)))?.equals(published)).toBe(true)
  })

  it('makes durable what can be had again where the file system has no hard links', async () => {
    const fs = watchedFileSystem(({ call }) => {
      calls.push({ call, path: '' })
      if (call === 'link') throw systemError('ENOTSUP')
    })
    const blobs = await openFilesystemBlobs(root, { tmp, fs })
    calls.length = 0
    const bytes = Buffer.from('from an upstream')
    const sha256 = await land(blobs, bytes, MIB, { isReplaceable: true })
    expect(calls.map(({ call }) => call)).toContain('sync')
    expect((await contentOf(blobs, sha256))?.equals(bytes)).toBe(true)
  })

  it('makes its own folders durable when it is opened', async () => {
    calls.length = 0
    await openFilesystemBlobs(root, { tmp, fs: watched })
    expect(said().filter((call) => call.startsWith('sync'))).toEqual(['sync /blobs', 'sync '])
  })

  it('gathers small writes', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp, fs: watched })
    calls.length = 0
    await land(blobs, randomBytes(1 * MIB), 1_000)
    expect(calls.filter(({ call }) => call === 'write').length).toBeLessThanOrEqual(5)
  })

  it('keeps files from other users of the machine', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp })
    const sha256 = await land(blobs, Buffer.from('private'))
    expect((await stat(fileOf(sha256))).mode & 0o777).toBe(0o600)
    expect((await stat(join(root, 'sha256'))).mode & 0o777).toBe(0o700)
  })

  it('fsyncs the folder before the last name of a kept blob goes from the trash', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp, fs: watched, freshMs: 0 })
    const sha256 = await land(blobs, Buffer.from('kept'))
    // What landing left open is closed behind it.
    await vi.waitFor(() => expect(calls.slice(-2).map(({ call }) => call)).toEqual(['close', 'close']))
    calls.length = 0
    expect(await blobs.remove(sha256, async () => false)).toBe('kept')
    expect(calls.map(({ call }) => call)).toEqual([
      'stat',
      'rename',
      'stat',
      'stat',
      'link',
      'open',
      'sync',
      'close',
      'unlink',
    ])
  })
})

describe('a failing disk', () => {
  /** Fails the `failing`th call that `matches`, and no other. */
  function failingOnce(code: string, failing: number, matches: (call: SystemCall) => boolean = () => true) {
    const state = { seen: 0, isArmed: false }
    const fs = watchedFileSystem((call) => {
      if (state.isArmed && matches(call) && ++state.seen === failing) throw systemError(code)
    })
    return { fs, state }
  }

  it('ENOSPC at each call of a landing of what can be had again: an error or whole bytes, nothing half done', async () => {
    for (let failing = 1; ; failing++) {
      const { fs, state } = failingOnce('ENOSPC', failing)
      const blobs = await openFilesystemBlobs(root, { tmp, fs })
      const bytes = randomBytes(1_000)
      await land(blobs, randomBytes(10))
      state.isArmed = true
      const outcome = await land(blobs, bytes, MIB, { isReplaceable: true }).catch((error: unknown) => error)
      state.isArmed = false
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'disk_full' })
      expect(await verifyBlob(blobs, sha256Of(bytes))).toBe(outcome instanceof Error ? 'missing' : 'sound')
      if (state.seen < failing) break
    }
  })

  it.each([
    ['ENOSPC', { code: 'disk_full' }],
    ['EDQUOT', { code: 'disk_full' }],
    ['EMFILE', { code: 'busy', details: { retryAfter: 1 } }],
    ['ENFILE', { code: 'busy', details: { retryAfter: 1 } }],
    ['EIO', { code: 'EIO' }],
  ])(
    '%s at each call of a landing in turn: an error, nothing half done, and the next landing works',
    async (code, expected) => {
      const outcomes: unknown[] = []
      for (let failing = 1; ; failing++) {
        const { fs, state } = failingOnce(code, failing)
        const blobs = await openFilesystemBlobs(root, { tmp, fs })
        const bytes = randomBytes(600_000)
        state.isArmed = true
        const outcome = await land(blobs, bytes, 50_000).catch((error: unknown) => error)
        state.isArmed = false
        // After the rename the name may be there though the landing failed, and then the bytes are whole.
        const allowed = outcome instanceof Error ? ['missing', 'sound'] : ['sound']
        expect(await verifyBlob(blobs, sha256Of(bytes)), `call ${failing}`).toBeOneOf(allowed)
        expect(await readdir(tmp), `call ${failing}`).toEqual([])
        expect(await verifyBlob(blobs, await land(blobs, bytes))).toBe('sound')
        if (state.seen < failing) break // every call of a landing had its turn
        if (outcome instanceof Error) outcomes.push(outcome)
      }
      expect(outcomes.length).toBeGreaterThanOrEqual(8)
      for (const outcome of outcomes) expect(outcome).toMatchObject(expected)
    },
  )

  it('never trusts bytes whose fsync failed once, though a second fsync would succeed', async () => {
    const { fs, state } = failingOnce('EIO', 1, ({ call }) => call === 'sync')
    const blobs = await openFilesystemBlobs(root, { tmp, fs })
    const bytes = randomBytes(10_000)
    {
      await using pending = await blobs.begin()
      await pending.write(bytes)
      state.isArmed = true
      await expect(pending.commit()).rejects.toMatchObject({ code: 'EIO' })
      await expect(pending.commit()).rejects.toMatchObject({ code: 'EIO' })
      await expect(pending.finish()).resolves.toMatchObject({ size: 10_000 })
      await expect(pending.write(bytes)).rejects.toThrow('none after its end')
    }
    expect(await blobs.stat(sha256Of(bytes))).toBeUndefined()
    expect(await readdir(tmp)).toEqual([])
    expect(await land(blobs, bytes)).toBe(sha256Of(bytes)) // written anew, it is trusted
  })

  it('takes no more bytes after a write that failed, for there would be a hole', async () => {
    const { fs, state } = failingOnce('ENOSPC', 1, ({ call }) => call === 'write')
    const blobs = await openFilesystemBlobs(root, { tmp, fs })
    await using pending = await blobs.begin()
    state.isArmed = true
    await expect(pending.write(randomBytes(300_000))).rejects.toMatchObject({ code: 'disk_full' })
    await expect(pending.write(randomBytes(300_000))).rejects.toMatchObject({ code: 'disk_full' })
    await expect(pending.finish()).rejects.toMatchObject({ code: 'disk_full' })
    await expect(pending.commit()).rejects.toMatchObject({ code: 'disk_full' })
    expect(await listed(blobs)).toEqual([])
  })

  it('does not take away bytes that were there before when the fsync of their folder fails', async () => {
    const bytes = randomBytes(10_000)
    await land(await openFilesystemBlobs(root, { tmp }), bytes)
    const { fs, state } = failingOnce(
      'EIO',
      1,
      ({ call, path }) => call === 'sync' && path.startsWith(join(root, 'sha256')),
    )
    const blobs = await openFilesystemBlobs(root, { tmp, fs })
    state.isArmed = true
    await expect(land(blobs, bytes)).rejects.toMatchObject({ code: 'EIO' })
    expect(await verifyBlob(blobs, sha256Of(bytes))).toBe('sound')
  })

  it('loses nothing if any call of a removal fails, and the next start tidies up', async () => {
    const bytes = randomBytes(1_000)
    for (let failing = 1; ; failing++) {
      const { fs, state } = failingOnce('EIO', failing)
      const blobs = await openFilesystemBlobs(root, { tmp, fs, freshMs: 0 })
      const sha256 = await land(blobs, bytes)
      state.isArmed = true
      const outcome = await blobs.remove(sha256, async () => false).catch((error: unknown) => error)
      state.isArmed = false
      expect((await contentOf(blobs, sha256))?.equals(bytes), `call ${failing}`).toBe(true)
      const later = await openFilesystemBlobs(root, { tmp, now: hours(2) })
      expect(await verifyBlob(later, sha256)).toBe('sound')
      if (outcome === 'kept') break
      expect(outcome).toMatchObject({ code: 'EIO' })
    }
  })

  it('puts back on filesystems without hard links', async () => {
    const fs = watchedFileSystem(({ call }) => {
      if (call === 'link') throw systemError('EPERM')
    })
    const blobs = await openFilesystemBlobs(root, { tmp, fs, freshMs: 0 })
    const sha256 = await land(blobs, Buffer.from('no links'))
    expect(await blobs.remove(sha256, async () => false)).toBe('kept')
    expect(await verifyBlob(blobs, sha256)).toBe('sound')
    expect(await readdir(join(root, 'trash'))).toEqual([])
  })
})

describe('a full disk', () => {
  const smallDisk = mountable()

  it.skipIf(smallDisk !== true)(
    `answers disk_full, shows nothing, and works again after room was made${why(smallDisk)}`,
    async () => {
      await mkdir(join(data, 'small'))
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', join(data, 'small')])
      try {
        const small = join(data, 'small')
        const blobs = await openFilesystemBlobs(join(small, 'blobs'), { tmp: join(small, 'tmp'), freshMs: 0 })
        const first = randomBytes(1 * MIB)
        const second = randomBytes(1.5 * MIB)
        const sha256 = await land(blobs, first)
        for (const chunkBytes of [10_000, 2 * MIB]) {
          await expect(land(blobs, second, chunkBytes)).rejects.toMatchObject({
            name: 'RegistryError',
            code: 'disk_full',
          })
          expect(await listed(blobs)).toEqual([{ sha256, size: 1 * MIB }])
          expect(await readdir(join(small, 'tmp'))).toEqual([])
          expect((await contentOf(blobs, sha256))?.equals(first)).toBe(true)
        }
        expect(await blobs.remove(sha256, async () => true)).toBe('removed')
        expect(await land(blobs, second)).toBe(sha256Of(second))
        expect(await verifyBlob(blobs, sha256Of(second))).toBe('sound')
      } finally {
        execFileSync('umount', [join(data, 'small')])
      }
    },
  )

  it.skipIf(smallDisk !== true)(`refuses a tmp folder on another disk${why(smallDisk)}`, async () => {
    await mkdir(join(data, 'other'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', join(data, 'other')])
    try {
      await expect(openFilesystemBlobs(root, { tmp: join(data, 'other') })).rejects.toThrow(
        'has to be on the same filesystem',
      )
    } finally {
      execFileSync('umount', [join(data, 'other')])
    }
  })

  function mountable(): true | string {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can mount a small disk'
    const probe = join(tmpdir(), `granary-mount-${process.pid}`)
    try {
      execFileSync('mkdir', [probe])
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', probe], { stdio: 'ignore' })
      execFileSync('umount', [probe])
      return true
    } catch {
      return 'mount is not permitted here'
    } finally {
      execFileSync('rmdir', [probe])
    }
  }

  function why(possible: true | string): string {
    return possible === true ? '' : ` (skipped: ${possible})`
  }
})

describe('a killed process', () => {
  it('leaves no half-landed blob, and none that it announced is lost', async () => {
    const script = fileURLToPath(new URL('blob-store-lands-slowly.ts', import.meta.url))
    const announced = new Set<string>()
    let leftovers = 0
    for (let kill = 0; kill < 8; kill++) {
      const child = spawn(process.execPath, [script, data], { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      const started = new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          resolve()
        })
        child.once('exit', () => reject(new Error('it ended before it landed anything')))
      })
      const ended = new Promise((resolve) => child.once('close', resolve))
      await started
      await new Promise((resolve) => setTimeout(resolve, 3 + kill * 5))
      child.kill('SIGKILL')
      await ended
      for (const sha256 of said.split('\n').slice(0, -1)) announced.add(sha256)
      leftovers += (await readdir(tmp)).length

      const blobs = await openFilesystemBlobs(root, { tmp })
      expect(await readdir(tmp)).toEqual([]) // the next start removes what it left
      const there = new Set<string>()
      for await (const { sha256 } of blobs.list()) {
        there.add(sha256)
        expect(await verifyBlob(blobs, sha256)).toBe('sound')
      }
      expect([...announced].filter((sha256) => !there.has(sha256))).toEqual([])
    }
    expect(announced.size).toBeGreaterThan(8)
    expect(leftovers).toBeGreaterThan(0) // the kills did hit landings
  })
})

describe('what earlier processes left', () => {
  const deadPid = () => {
    const child = execFileSync(process.execPath, ['-p', 'process.pid'])
    return Number(child.toString())
  }
  const [host, , run] = ownedName().split('-')

  it.each([
    ['of a process that is gone', () => `${host}-${deadPid()}-0123456789ab-1`, 0, false],
    [
      'of an earlier run under this process id, as in a container',
      () => `${host}-${process.pid}-0123456789ab-1`,
      0,
      false,
    ],
    ['of this run', () => `${host}-${process.pid}-${run}-999`, 2, true],
    ['of a living process', () => `${host}-${process.ppid}-0123456789ab-1`, 0, true],
    ['of a living process, untouched for more than an hour', () => `${host}-${process.ppid}-0123456789ab-1`, 2, false],
    ['of another machine', () => '00000000-1-0123456789ab-1', 0, true],
    ['of another machine, untouched for more than an hour', () => '00000000-1-0123456789ab-1', 2, false],
    ['of something else', () => 'upload', 99, true],
  ])('a pending file %s', async (_, name, hoursLater, stays) => {
    await mkdir(tmp)
    const file = `${name()}.pending`
    await writeFile(join(tmp, file), 'half')
    await openFilesystemBlobs(root, { tmp, now: hours(hoursLater) })
    expect(await readdir(tmp)).toEqual(stays ? [file] : [])
  })

  it('is put back if it was being removed, for somebody may refer to it', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp })
    const sha256 = await land(blobs, Buffer.from('in the trash'))
    await rename(fileOf(sha256), join(root, 'trash', `${sha256}.${host}-${deadPid()}-0123456789ab-1`))
    expect(await listed(blobs)).toEqual([])
    const next = await openFilesystemBlobs(root, { tmp })
    expect(await listed(next)).toEqual([{ sha256, size: 12 }])
    expect(await readdir(join(root, 'trash'))).toEqual([])
  })

  it('does not replace a newer file when it is put back', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp })
    const sha256 = await land(blobs, Buffer.from('sound'))
    await writeFile(join(root, 'trash', `${sha256}.${host}-${deadPid()}-0123456789ab-1`), 'rotten')
    expect(await verifyBlob(await openFilesystemBlobs(root, { tmp }), sha256)).toBe('sound')
    expect(await readdir(join(root, 'trash'))).toEqual([])
  })
})

describe('two stores over one folder, as two processes have them', () => {
  it('sees what the other landed, and reads what the other is removing', async () => {
    const one = await openFilesystemBlobs(root, { tmp, freshMs: 0 })
    const other = await openFilesystemBlobs(root, { tmp, freshMs: 0 })
    const sha256 = await land(one, Buffer.from('shared'))
    expect((await contentOf(other, sha256))?.toString()).toBe('shared')
    await one.remove(sha256, async () => {
      expect((await contentOf(other, sha256))?.toString()).toBe('shared')
      expect(await other.remove(sha256, async () => true)).toBe('missing')
      return false
    })
    expect((await contentOf(other, sha256))?.toString()).toBe('shared')
  })
})

describe('the narrowest races of a removal', () => {
  it('a landing after the first look, while another removal has the old file in the trash', async () => {
    const bytes = randomBytes(1_000)
    const now = hours(2)
    const plain = await openFilesystemBlobs(root, { tmp, now })
    const sha256 = await land(await openFilesystemBlobs(root, { tmp }), bytes)
    const forgotten = Promise.withResolvers<boolean>()
    let other: Promise<unknown> | undefined
    const paused = watchedFileSystem(async ({ call, path }) => {
      // It looked at the old file and is about to move it. The other removal moves that, and then new bytes land.
      if (call === 'rename' && !other) {
        const asked = Promise.withResolvers<void>()
        other = plain.remove(sha256, () => {
          asked.resolve()
          return forgotten.promise
        })
        await asked.promise
        await land(plain, bytes)
      }
      // So it moved the new file. Before it sees that, the other removal ends.
      if (call === 'stat' && path.includes('trash')) {
        forgotten.resolve(true)
        await other
      }
    })
    const blobs = await openFilesystemBlobs(root, { tmp, now, fs: paused })
    expect(await blobs.remove(sha256, () => expect.unreachable('the new file is fresh'))).toBe('kept')
    expect(await other).toBe('removed')
    expect((await contentOf(plain, sha256))?.equals(bytes)).toBe(true)
  })

  it('a landing after the file went into the trash: the ledger is not asked', async () => {
    const bytes = randomBytes(1_000)
    const now = hours(2)
    const plain = await openFilesystemBlobs(root, { tmp, now })
    const sha256 = await land(await openFilesystemBlobs(root, { tmp }), bytes)
    const paused = watchedFileSystem(async ({ call, path }) => {
      if (call === 'stat' && path.includes('trash')) await land(plain, bytes)
    })
    const blobs = await openFilesystemBlobs(root, { tmp, now, fs: paused })
    expect(await blobs.remove(sha256, () => expect.unreachable('somebody is about to refer to it'))).toBe('kept')
    expect((await contentOf(plain, sha256))?.equals(bytes)).toBe(true)
    expect(await readdir(join(root, 'trash'))).toEqual([])
  })
})

describe('damage', () => {
  it.each([
    ['a flipped bit', async (file: string) => writeFile(file, Buffer.from('corrvpt?'))],
    ['a cut', async (file: string) => truncate(file, 3)],
    ['more bytes', async (file: string) => appendFile(file, '!')],
  ])('verifying tells %s', async (_, damage) => {
    const blobs = await openFilesystemBlobs(root, { tmp })
    const sha256 = await land(blobs, Buffer.from('corrupt?'))
    expect(await verifyBlob(blobs, sha256)).toBe('sound')
    await damage(fileOf(sha256))
    expect(await verifyBlob(blobs, sha256)).toBe('corrupt')
    await land(blobs, Buffer.from('corrupt?')) // landing again heals it
    expect(await verifyBlob(blobs, sha256)).toBe('sound')
    await rm(fileOf(sha256))
    expect(await verifyBlob(blobs, sha256)).toBe('missing')
  })

  it('a file that is cut while it is being read fails the reader instead of ending early', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp })
    const sha256 = await land(blobs, Buffer.from('0123456789'))
    await using blob = await openThere(blobs, sha256)
    await truncate(fileOf(sha256), 4)
    const into = Buffer.alloc(10)
    expect(await blob.read(into, 0)).toBe(4)
    await expect(blob.read(into, 4)).rejects.toThrow('cut short')
  })

  it('strange files in the folders are left alone', async () => {
    const blobs = await openFilesystemBlobs(root, { tmp })
    const sha256 = await land(blobs, Buffer.from('mine'))
    await copyFile(fileOf(sha256), `${fileOf(sha256)}.bak`)
    await mkdir(join(root, 'sha256', 'lost+found'))
    await writeFile(join(root, 'trash', 'README'), 'not a blob')
    expect(await listed(await openFilesystemBlobs(root, { tmp }))).toEqual([{ sha256, size: 4 }])
  })

  it.each(['', 'abc', '../../../etc/passwd', `${'a'.repeat(62)}/.`, 'A'.repeat(64)])(
    '%j is no digest',
    async (sha256) => {
      const blobs = await openFilesystemBlobs(root, { tmp })
      await expect(blobs.open(sha256)).rejects.toMatchObject({ code: 'invalid' })
      await expect(blobs.stat(sha256)).rejects.toMatchObject({ code: 'invalid' })
      await expect(blobs.remove(sha256, async () => true)).rejects.toMatchObject({ code: 'invalid' })
    },
  )
})
