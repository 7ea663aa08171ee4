import { access, constants, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openMasterKey } from './auth/master-key.ts'
import { createSealer, type Sealer } from './auth/secrets.ts'
import { ConfigError, type Config } from './config.ts'
import type { BlobStore } from './registry/blob-store.ts'
import type { Clock } from './registry/ports.ts'
import { openFilesystemBlobs } from './storage/blobs/filesystem.ts'
import { openSqlite } from './storage/sql/sqlite.ts'
import type { SqlStore } from './storage/sql/store.ts'

/** What stands on disk (or in a database) and what opens it. */
export type Installation = AsyncDisposable & {
  readonly store: SqlStore
  readonly blobs: BlobStore
  readonly sealer: Sealer
  readonly clock: Clock
}

/** `forRestore`: nobody else is at work, so what a failed restore landed can be taken back at once. */
export async function openInstallation(config: Config, { forRestore = false } = {}): Promise<Installation> {
  await makeFolder(config.data).catch(unusable(`The data folder ${config.data} cannot be used`))
  const clock: Clock = { now: () => Date.now() }
  const sealer = createSealer(await openMasterKey(config.masterKey).catch(unusable('The master key cannot be used')))
  // Beside the blobs: a file lands by being renamed, which needs the same file system.
  const blobs = await openFilesystemBlobs(config.blobs.root, {
    tmp: join(config.blobs.root, '..', 'tmp'),
    ...(forRestore ? { freshMs: 0 } : {}),
  })
  const store =
    config.database.driver === 'sqlite'
      ? await openSqlite(config.database.file, { clock })
      : await openPostgres(config.database.url, clock)
  return { store, blobs, sealer, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

/** Its client is loaded where there is such a database: it takes 20 ms of a start and 10 MiB. */
async function openPostgres(url: string, clock: Clock): Promise<SqlStore> {
  const postgres = await import('./storage/sql/postgres.ts')
  return postgres.openPostgres(url, { clock })
}

/** Part by part: where a file system refuses a new folder with ENOENT (/proc does), Node's own way of making all of them never ends. */
async function makeFolder(folder: string): Promise<void> {
  await access(dirname(folder)).catch(() => makeFolder(dirname(folder)))
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await access(`${folder}/.`, constants.W_OK | constants.X_OK)
}

const unusable = (what: string) => (error: Error) => {
  throw new ConfigError(`${what}: ${error.message}`)
}
