import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGranary, type Granary } from './granary.ts'
import { startPostgres } from './postgres.ts'

export type StoreKind = 'SQLite' | 'PostgreSQL'

/** Several processes of one installation. The first start's credentials are in the first one's data folder. */
export type Servers = AsyncDisposable & { readonly all: readonly Granary[] }

/** SQLite: one data folder. PostgreSQL: a folder each, as on several machines, and the blobs and the key in common. */
export async function startServers(
  kind: StoreKind,
  count: number,
  extra: Readonly<Record<string, string>>,
): Promise<Servers> {
  const open = new AsyncDisposableStack()
  const shared = await newFolder(open)
  const env: Record<string, string> = { ...extra }
  if (kind === 'PostgreSQL') {
    env['GRANARY_DATABASE_URL'] = await open.use(await startPostgres()).newDatabase()
    env['GRANARY_BLOBS'] = join(shared, 'blobs')
    env['GRANARY_MASTER_KEY'] = randomBytes(32).toString('base64')
  }
  const all: Granary[] = []
  for (let started = 0; started < count; started++)
    all.push(open.use(await startGranary({ env, data: kind === 'SQLite' ? shared : await newFolder(open) })))
  return { all, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

async function newFolder(open: AsyncDisposableStack): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'granary-shared-'))
  open.defer(() => rm(path, { recursive: true, force: true, maxRetries: 5 }))
  return path
}
