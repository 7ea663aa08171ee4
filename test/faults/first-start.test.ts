import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { callerAt, callerOf, operatorCredentials } from '../support/caller.ts'
import { readEvents } from '../support/event-log.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startPostgres } from '../support/postgres.ts'
import { npmUpload } from '../support/publishing.ts'
import { ask } from '../support/request.ts'
import { seeded } from '../support/seeded.ts'

const BIN = resolve(import.meta.dirname, '../../bin/granary.js')
const PROCESSES = 4
const KILLS = 12
/** As long as it takes from the first file to the first answer, or longer. */
const LATEST_KILL_MS = 70
const ACCOUNT = '000000000000'

async function newFolder() {
  const path = await mkdtemp(join(tmpdir(), 'granary-first-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** One administrator with one key, one of each default, and no draft of credentials that nobody uses. */
async function expectOneInstallation(granary: Granary): Promise<void> {
  const { api } = await callerOf(granary)
  const { users } = await api.call(operations.listUsers, { account: ACCOUNT })
  expect(users.map(({ name }) => name)).toEqual(['admin'])
  const { keys } = await api.call(operations.listAccessKeys, { account: ACCOUNT, user: 'admin' })
  expect(keys).toHaveLength(1)
  const { repositories = [] } = await api.call(operations.listRepositories, {})
  expect(repositories.map(({ name }) => name).toSorted()).toEqual(['main', 'npm-store', 'pypi-store'])
  const subjects = (await readEvents(api)).map(({ type, detail }) => `${type} ${JSON.stringify(detail)}`)
  expect(new Set(subjects).size).toBe(subjects.length)
}

describe('a first start', () => {
  it.each(['SQLite', 'PostgreSQL'])(
    `by ${PROCESSES} processes at once on %s makes one installation, of which all serve`,
    async (kind) => {
      await using folder = await newFolder()
      await using open = new AsyncDisposableStack()
      const env = kind === 'SQLite' ? {} : { GRANARY_DATABASE_URL: await open.use(await startPostgres()).newDatabase() }
      const started = await Promise.allSettled(
        Array.from({ length: PROCESSES }, () => startGranary({ data: folder.path, env })),
      )
      const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [open.use(one.value)] : []))
      expect(started.filter(({ status }) => status === 'rejected')).toEqual([])

      const [first] = servers
      if (!first) throw new Error('Some were started')
      for (const granary of servers) await expectOneInstallation(granary)
      // What one signed and took, the others know.
      const caller = await callerOf(first)
      const upload = await npmUpload('@first/start', '1.0.0')
      expect((await caller.publish(upload)).status).toBe(201)
      const credentials = await operatorCredentials(folder.path)
      for (const granary of servers)
        expect(await callerAt(granary, caller, credentials).list('npm', '@first/start')).toHaveLength(1)
      const keys = await Promise.all(
        servers.map(async ({ url }) => (await ask(`${url}/.well-known/jwks.json`)).body.toString()),
      )
      expect(new Set(keys).size).toBe(1)
      expect((await readdir(folder.path)).filter((name) => name.startsWith('credentials'))).toEqual(['credentials'])
    },
  )

  it(`that is killed at any moment is made good by the next, over ${KILLS} kills`, async () => {
    const random = seeded('kills during a first start')
    const found: Record<string, number> = {}
    for (let round = 0; round < KILLS; round++) {
      await using folder = await newFolder()
      await startAndKill(folder.path, random.below(LATEST_KILL_MS))
      const names = await readdir(folder.path)
      const left = names
        .toSorted()
        .join(' ')
        .replaceAll(/[0-9a-f-]{36}/g, '…')
      found[left] = (found[left] ?? 0) + 1
      await using granary = await startGranary({ data: folder.path })
      await expectOneInstallation(granary)
    }
    console.info(`${KILLS} kills; what was there after them`, found)
  })
})

/** Kills a server so many milliseconds after it made the first file, wherever it may be then. */
async function startAndKill(data: string, afterMs: number): Promise<void> {
  const server = spawn(process.execPath, [BIN, 'serve', '--data', data, '--port', '0'], {
    env: { PATH: process.env.PATH },
    stdio: 'ignore',
  })
  const ended = once(server, 'exit')
  while ((await readdir(data)).length === 0) await delay(1)
  await delay(afterMs)
  server.kill('SIGKILL')
  await ended
}
