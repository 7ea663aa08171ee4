import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import { buildConfig, readSettings } from '../../src/config.ts'
import { startServer } from '../../src/main.ts'
import { createLog } from '../../src/server/log.ts'
import { passTime, restoreTime } from './shifted-clock.ts'

const ACCOUNT = '000000000000'
const KEY = { accessKeyId: 'AKIATESTADMINTESTADM', secretAccessKey: 'the-secret-of-the-first-key-in-tests' }

export type AccessKey = { readonly accessKeyId: string; readonly secretAccessKey: string }

/** What a user may do: one of Granary's own policies, or a document. */
type Rights = 'administrator' | 'publisher' | 'reader' | { readonly statements: readonly object[] }

export type RegistryUser = {
  readonly name: string
  readonly key: AccessKey
  readonly client: Client
  /** For the domain `local` if left out. */
  token(domain?: string): Promise<string>
}

/** A whole server over HTTP in the process of the test, with state in a folder of its own. */
export type TestRegistry = AsyncDisposable & {
  readonly url: string
  readonly data: string
  /** The first user's: who may do everything. */
  readonly admin: RegistryUser
  /** A token of the first user for the domain `local`. */
  readonly token: string
  /** The lines that it logged, until somebody empties it. */
  readonly log: Record<string, unknown>[]
  /** `path` with that token (null: without any; a text: another). */
  fetch(
    path: string,
    init?: Omit<RequestInit, 'headers'> & {
      readonly token?: string | null
      readonly headers?: Readonly<Record<string, string>>
    },
  ): Promise<Response>
  createUser(name: string, rights: Rights): Promise<RegistryUser>
  /** Types of the events about packages so far, oldest first. */
  versionEvents(name: string): Promise<readonly Record<string, unknown>[]>
  /** Names of half-written files. */
  pendingFiles(): Promise<readonly string[]>
  /** The clock of the process, and so of all its servers, goes on by so much. */
  passTime(ms: number): void
}

export async function startRegistry(env: Readonly<Record<string, string>> = {}): Promise<TestRegistry> {
  const data = await mkdtemp(join(tmpdir(), 'granary-attacked-'))
  const config = buildConfig(
    readSettings(['--port', '0', '--data', data, '--stop-grace', '1'], {
      GRANARY_BOOTSTRAP_ACCESS_KEY_ID: KEY.accessKeyId,
      GRANARY_BOOTSTRAP_SECRET_ACCESS_KEY: KEY.secretAccessKey,
      // Nothing listens there: who needs an upstream names it.
      GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/',
      GRANARY_UPSTREAM_PYPI: 'http://127.0.0.1:9/simple/',
      ...env,
    }),
    data,
  )
  const log: Record<string, unknown>[] = []
  const write = (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>)
  const server = await startServer(config, createLog('debug', { write }))
  const userOf = (name: string, key: AccessKey): RegistryUser => {
    const client = openClient({
      url: server.url,
      region: 'us-east-1',
      credentials: { kind: 'access-key', ...key, sessionToken: null },
    })
    return {
      name,
      key,
      client,
      async token(domain = 'local') {
        const input = { domain, domainOwner: ACCOUNT }
        return (await client.call(operations.getAuthorizationToken, input)).authorizationToken
      },
    }
  }
  const admin = userOf('admin', KEY)
  const token = await admin.token()
  const call = admin.client.call
  return {
    url: server.url,
    data,
    admin,
    token,
    log,
    fetch(path, { token: given = token, headers = {}, ...init } = {}) {
      const authorization = given === null ? {} : { authorization: `Bearer ${given}` }
      return fetch(server.url + path, { redirect: 'manual', ...init, headers: { ...authorization, ...headers } })
    },
    async createUser(name, rights) {
      await call(operations.createUser, { account: ACCOUNT, user: name })
      const document =
        typeof rights === 'string'
          ? { preset: rights }
          : { document: JSON.stringify({ Version: '2012-10-17', Statement: rights.statements }) }
      await call(operations.attachUserPolicy, { account: ACCOUNT, user: name, policy: 'rights', ...document })
      const made = await call(operations.createAccessKey, { account: ACCOUNT, user: name })
      return userOf(name, { accessKeyId: made.accessKeyId, secretAccessKey: made.secretAccessKey })
    },
    async versionEvents(name) {
      const { events } = await call(operations.listEvents, { limit: 1000 })
      return events.filter(({ detail }) => detail['packageName'] === name).map(({ detail }) => detail)
    },
    pendingFiles: () => readdir(join(data, 'tmp')).catch(() => []),
    passTime,
    async [Symbol.asyncDispose]() {
      restoreTime()
      await server.stop()
      await rm(data, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** All files below a folder, for what must not be in any of them. */
export async function readTree(folder: string): Promise<readonly { readonly path: string; readonly bytes: Buffer }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(paths.map(async (path) => ({ path, bytes: await readFile(path) })))
}
