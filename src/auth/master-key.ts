import { exec } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MASTER_KEY_BYTES, type MasterKey } from './secrets.ts'

/** Where the master key is: a file, made where it is missing; the key itself; a command of the shell that prints it. */
export type MasterKeySource = { readonly file: string } | { readonly value: string } | { readonly command: string }

const COMMAND_TIMEOUT_MS = 30_000

/** Keys are written as 64 hexadecimal digits or as base64. No error shows one. */
export async function openMasterKey(source: MasterKeySource): Promise<MasterKey> {
  if ('value' in source) return decodeKey(source.value, 'The master key')
  if ('command' in source) return decodeKey(await run(source.command), 'What the master key command prints')
  const found = await readKeyFile(source.file)
  if (found !== undefined) return decodeKey(found, `The master key in ${source.file}`)
  await createKeyFile(source.file)
  return decodeKey((await readKeyFile(source.file)) ?? '', `The master key in ${source.file}`)
}

function decodeKey(text: string, what: string): MasterKey {
  const trimmed = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return Buffer.from(trimmed, 'hex')
  // 32 bytes make 43 digits of base64, or 44 with padding; `+/` and `-_` are read alike.
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return Buffer.from(trimmed, 'base64')
  throw new Error(`${what} is not a key: it must have ${MASTER_KEY_BYTES} bytes, as 64 hexadecimal digits or as base64`)
}

async function readKeyFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/**
 * The key is written whole and made durable under a name of its own, then linked to `file`: several processes that start
 * first at once agree on one key, and no crash leaves half of one.
 */
async function createKeyFile(file: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`)
    await handle.sync()
    await link(draft, file).catch((error: unknown) => {
      if (!isCode(error, 'EEXIST')) throw error
    })
  } finally {
    await handle.close()
    await unlink(draft)
  }
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const run = (command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    exec(command, { timeout: COMMAND_TIMEOUT_MS, maxBuffer: 64 * 1024 }, (error, stdout) => {
      if (!error) return resolve(stdout)
      // The error itself holds what the command printed, so it is not passed on.
      const how = error.killed ? 'did not end in time' : `failed (exit code ${String(error.code)})`
      reject(new Error(`The command that should print the master key ${how}`))
    })
  })

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
