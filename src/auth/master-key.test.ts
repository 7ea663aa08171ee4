import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openMasterKey } from './master-key.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-master-key-'))
})
afterAll(() => rm(folder, { recursive: true }))

const KEY = randomBytes(32)

it.each([
  ['hexadecimal digits', KEY.toString('hex')],
  ['upper case', KEY.toString('hex').toUpperCase()],
  ['base64', KEY.toString('base64')],
  ['base64 for URLs, without padding', KEY.toString('base64url')],
  ['blanks around it', ` ${KEY.toString('hex')}\n`],
])('reads %s, from a value, a file and a command', async (_, value) => {
  const file = join(folder, 'given')
  await writeFile(file, value)
  expect(Buffer.from(await openMasterKey({ value }))).toEqual(KEY)
  expect(Buffer.from(await openMasterKey({ file }))).toEqual(KEY)
  expect(Buffer.from(await openMasterKey({ command: `cat '${file}'` }))).toEqual(KEY)
})

it.each(['', 'secret', KEY.toString('hex').slice(2), KEY.toString('base64').slice(4), `${KEY.toString('hex')}00`])(
  'refuses %j without showing it',
  async (value) => {
    const error: unknown = await openMasterKey({ value }).catch((thrown: unknown) => thrown)
    expect(String(error)).toBe(
      'Error: The master key is not a key: it must have 32 bytes, as 64 hexadecimal digits or as base64',
    )
  },
)

it('says that the command failed, and not what it printed', async () => {
  const failure: unknown = await openMasterKey({ command: 'echo hunter2; echo hunter2 >&2; exit 3' }).catch(
    (error: unknown) => error,
  )
  expect(failure).toEqual(new Error('The command that should print the master key failed (exit code 3)'))
})

it('makes the file where there is none, for its owner only, and reads it afterwards', async () => {
  const file = join(folder, 'fresh')
  const key = await openMasterKey({ file })
  expect(key).toHaveLength(32)
  expect(await openMasterKey({ file })).toEqual(key)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

it('leaves a file alone that holds no key', async () => {
  const file = join(folder, 'empty')
  await writeFile(file, '')
  await expect(openMasterKey({ file })).rejects.toThrow(`The master key in ${file} is not a key`)
  expect(await readFile(file, 'utf8')).toBe('')
})

it('gives processes that start first at once the same key', async () => {
  const file = join(folder, 'shared')
  const module = new URL('master-key.ts', import.meta.url).href
  const program = `const { openMasterKey } = await import(${JSON.stringify(module)})
    const keys = await Promise.all([1, 2, 3].map(() => openMasterKey({ file: ${JSON.stringify(file)} })))
    for (const key of keys) console.log(Buffer.from(key).toString('hex'))`
  const start = () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
  const keys = (await Promise.all([start(), start(), start()])).flatMap(({ stdout }) => stdout.trim().split('\n'))
  expect(keys).toHaveLength(9)
  expect(new Set(keys)).toHaveLength(1)
  expect((await readdir(folder)).filter((name) => name.startsWith('shared'))).toEqual(['shared'])
}, 30_000)
