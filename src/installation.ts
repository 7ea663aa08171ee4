import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openMasterKey } from './auth/master-key.ts'
import { createSealer, type Sealer } from './auth/secrets.ts'
import type { Config } from './config.ts'
import type { BlobStore, Clock } from './registry/ports.ts'
import { openFilesystemBlobs } from './storage/blobs/filesystem.ts'
import { openPostgres } from './storage/sql/postgres.ts'
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
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const clock: Clock = { now: () => Date.now() }
  const sealer = createSealer(await openMasterKey(config.masterKey))
  // Beside the blobs: a file lands by being renamed, which needs the same file system.
  const blobs = await openFilesystemBlobs(config.blobs.root, {
    tmp: join(config.blobs.root, '..', 'tmp'),
    ...(forRestore ? { freshMs: 0 } : {}),
  })
  const store =
    config.database.driver === 'sqlite'
      ? await openSqlite(config.database.file, { clock })
      : await openPostgres(config.database.url, { clock })
  return { store, blobs, sealer, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}
