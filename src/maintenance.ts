import { randomUUID } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { planCreateAccessKey } from './auth/identities.ts'
import { buildConfig, ConfigError, readSettings, type Config } from './config.ts'
import { CREDENTIALS, draftCredentials, makeKey, refuseOtherMasterKey } from './first-start.ts'
import { DEFAULTS } from './registry/bootstrap.ts'
import { RegistryError } from './registry/errors.ts'
import { backup } from './storage/backup.ts'
import { fsck } from './storage/fsck.ts'
import { restore } from './storage/restore.ts'
import type { Installation } from './installation.ts'

// Commands that need the store itself, on the machine where it is. The server may be at work beside backup, fsck and
// recover-key; restore wants an empty installation.

type Open = (config: Config, options?: { readonly forRestore?: boolean }) => Promise<Installation>
type Command = (argv: readonly string[], open: Open, version: string) => Promise<number>

export const MAINTENANCE: Readonly<Record<string, Command>> = {
  backup: async (argv, open, version) => {
    const { config, flags, file } = read('backup FILE [--include-cache]', argv, ['include-cache'], true)
    await using installation = await open(config)
    const progress = showProgress('backing up')
    const result = await backup({
      ...installation,
      file,
      program: version,
      includeCache: flags.has('include-cache'),
      onProgress: ({ blobs, of }) => progress.at(blobs, of),
    })
    progress.done()
    print(
      flags,
      result,
      `Wrote ${result.file}: ${result.blobs} files, ${result.rows} rows, ${result.bytes} bytes`,
      result.notes,
    )
    return result.missing.length + result.damaged.length > 0 ? 1 : 0
  },

  restore: async (argv, open) => {
    const { config, flags, file } = read('restore FILE', argv, [], true)
    await using installation = await open(config, { forRestore: true })
    // Counters go back to what they were: an answer that was kept after the backup could seem valid again.
    await rm(join(config.data, 'kept'), { recursive: true, force: true })
    const progress = showProgress('restoring')
    const result = await restore({
      ...installation,
      file,
      tmp: join(config.data, 'tmp'),
      onProgress: ({ blobs }) => progress.at(blobs),
    })
    progress.done()
    print(
      flags,
      result,
      `Restored ${result.blobs} files and ${result.rows} rows, as of ${result.createdAt}`,
      result.notes,
    )
    return result.lost.length > 0 ? 1 : 0
  },

  fsck: async (argv, open) => {
    const { config, flags } = read('fsck [--quick] [--repair]', argv, ['quick', 'repair'], false)
    await using installation = await open(config)
    const progress = showProgress('checking')
    const result = await fsck({
      ledger: installation.store,
      blobs: installation.blobs,
      quick: flags.has('quick'),
      repair: flags.has('repair'),
      onProgress: ({ blobs, of }) => progress.at(blobs, of),
    })
    progress.done()
    const listed = [
      ...result.missing.map((sha256) => `missing   ${sha256}`),
      ...result.corrupt.map((sha256) => `corrupt   ${sha256}`),
      ...result.orphaned.map((sha256) => `orphaned  ${sha256}`),
    ]
    print(
      flags,
      result,
      `${result.ok ? 'Sound' : 'DAMAGED'}: ${result.blobs} files, ${result.bytes} bytes checked`,
      listed,
    )
    return result.ok ? 0 : 1
  },

  /** A new access key for the first user, written to the credentials file: for who lost the old one. */
  'recover-key': async (argv, open) => {
    const { config, flags } = read('recover-key', argv, [], false)
    await using installation = await open(config)
    const { store, clock } = installation
    await refuseOtherMasterKey(installation)
    const user = await store.findUser(DEFAULTS.account, DEFAULTS.user)
    if (!user) throw new RegistryError('not_found', `There is no user ${DEFAULTS.user} in account ${DEFAULTS.account}`)
    const { key, secret } = makeKey(installation, user, null)
    const draft = await draftCredentials(config.data, { id: key.id, secret })
    try {
      await store.commit(
        planCreateAccessKey(user, key, { actor: 'granary:system', now: clock.now(), eventId: randomUUID() }),
      )
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
    const path = join(config.data, CREDENTIALS)
    await rename(draft, path)
    print(
      flags,
      { accessKeyId: key.id, file: path },
      `A new access key ${key.id} of ${user.name} is in ${path}; earlier ones still work`,
      [],
    )
    return 0
  },
}

type Read = { readonly config: Config; readonly flags: ReadonlySet<string>; readonly file: string }

function read(usage: string, argv: readonly string[], own: readonly string[], wantsFile: boolean): Read {
  const switches = new Set([...own, 'json'].map((name) => `--${name}`))
  const flags = new Set(argv.filter((argument) => switches.has(argument)).map((argument) => argument.slice(2)))
  const rest = argv.filter((argument) => !switches.has(argument))
  const at = wantsFile ? placeOfFile(rest) : -1
  const file = rest[at]
  if (wantsFile && file === undefined) throw new ConfigError(`usage: granary ${usage}`)
  const settings = rest.filter((_, place) => place !== at)
  return { config: buildConfig(readSettings(settings), process.cwd()), flags, file: file ?? '' }
}

/** The first argument that is neither a setting (`--data DIR`, `--data=DIR`) nor its value; -1 where there is none. */
function placeOfFile(rest: readonly string[]): number {
  let at = 0
  while (rest[at]?.startsWith('-')) at += rest[at]?.includes('=') ? 1 : 2
  return at < rest.length ? at : -1
}

function print(flags: ReadonlySet<string>, result: object, line: string, more: readonly string[]): void {
  process.stdout.write(flags.has('json') ? `${JSON.stringify(result, null, 2)}\n` : `${[line, ...more].join('\n')}\n`)
}

/** One line on a terminal, rewritten at most ten times a second; nothing where nobody watches. */
function showProgress(what: string): { at(done: number, of?: number): void; done(): void } {
  if (!process.stderr.isTTY) return { at: () => {}, done: () => {} }
  let shown = 0
  return {
    at(done, of) {
      if (performance.now() - shown < 100) return
      shown = performance.now()
      process.stderr.write(`\r${what}: ${done}${of === undefined ? '' : ` of ${of}`} files`)
    },
    done: () => void process.stderr.write('\r\x1b[K'),
  }
}
