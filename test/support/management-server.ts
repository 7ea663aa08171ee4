import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { createAuthenticator } from '../../src/auth/authenticate.ts'
import { accessKeyContext, mintAccessKeyId, mintSecret, mintUserId } from '../../src/auth/identifiers.ts'
import { createRoleSessions } from '../../src/auth/role-sessions.ts'
import { createSealer } from '../../src/auth/secrets.ts'
import { createTokens } from '../../src/auth/tokens.ts'
import { createWebhookTools } from '../../src/events/webhook-tools.ts'
import { npm } from '../../src/formats/npm/index.ts'
import { pypi } from '../../src/formats/pypi/index.ts'
import { createOutbound } from '../../src/outbound/outbound.ts'
import { createAuthorizer } from '../../src/registry/authorize.ts'
import { DEFAULTS, planBootstrap } from '../../src/registry/bootstrap.ts'
import { UNLIMITED, type Connection } from '../../src/registry/model.ts'
import { POLICY_PRESETS } from '../../src/registry/policy-presets.ts'
import { createTopology, readTopologyCounter } from '../../src/registry/topology.ts'
import { waking } from '../../src/send-events.ts'
import { createManagement } from '../../src/server/management.ts'
import { Breaker } from '../../src/upstream/breaker.ts'
import { HealthRecords } from '../../src/upstream/health.ts'
import { openSqlite } from '../../src/storage/sql/sqlite.ts'

export type TestKey = { readonly accessKeyId: string; readonly secretAccessKey: string }

const CONNECTIONS: readonly Connection[] = DEFAULTS.stores.map(({ connection }) => ({
  name: connection,
  format: connection === 'public:npmjs' ? 'npm' : 'pypi',
  url: connection === 'public:npmjs' ? 'https://npm.example/' : 'https://pypi.example/simple/',
  fileOrigins: [],
  credentials: null,
  builtIn: true,
  ...UNLIMITED,
}))

/**
 * The management API alone, over real storage and real log-ins, as a first start leaves it. `key` is its operator's. Nothing
 * is delivered here; what may be is decided as ever, with `allowPrivate` as the operator's list. Names never resolve.
 */
export async function startManagement({ allowPrivate = [] }: { readonly allowPrivate?: readonly string[] } = {}) {
  const clock = { now: () => Date.now() }
  const outbound = createOutbound({
    allowPrivate,
    userAgent: 'granary/test',
    resolve: (host, _options, found) => found(Object.assign(new Error(`no ${host} here`), { code: 'ENOTFOUND' }), []),
  })
  let woken = 0
  const store = waking(await openSqlite(':memory:', { clock }), () => void (woken += 1))
  const sealer = createSealer(randomBytes(32))
  const key: TestKey = { accessKeyId: mintAccessKeyId(), secretAccessKey: mintSecret() }
  const user = { account: DEFAULTS.account, name: DEFAULTS.user, id: mintUserId(), createdAt: clock.now() }
  await store.commit(
    planBootstrap({
      installation: randomUUID(),
      user,
      key: {
        id: key.accessKeyId,
        account: user.account,
        userName: user.name,
        userId: user.id,
        secret: sealer.seal(key.secretAccessKey, accessKeyContext(key.accessKeyId)),
        createdAt: clock.now(),
        revokedAt: null,
      },
      administratorPolicy: POLICY_PRESETS.administrator,
      masterKeyId: sealer.keyId,
      connections: CONNECTIONS,
      now: clock.now(),
      id: randomUUID,
    }),
  )
  const tokens = createTokens({ store, sealer, clock, issuer: 'test-installation' })
  const sessions = createRoleSessions({ sealer, issuer: 'test-installation' })
  const authenticator = createAuthenticator({ store, tokens, sessions, sealer, clock, hosts: [] })
  const health = new HealthRecords({
    clock,
    breaker: new Breaker({ firstPauseMs: 1, longestPauseMs: 1 }),
    isOffline: false,
  })
  const management = createManagement({
    store,
    topology: createTopology(store),
    authorizer: createAuthorizer({ store, clock, region: 'us-east-1' }),
    tokens,
    sessions,
    sealer,
    clock,
    webhooks: createWebhookTools({
      region: 'us-east-1',
      operatorAccount: DEFAULTS.account,
      outbound,
    }),
    upstreams: {
      // There are no upstreams here, and what refreshes is not asked.
      refresh: () => Promise.reject(new Error('There is no registry here')),
      process: { host: 'test', pid: 1, startedAt: clock.now() },
      healthOf: (connection) => health.healthOf(connection),
    },
    formats: [npm, pypi],
    config: { region: 'us-east-1', operatorAccount: DEFAULTS.account, publicUrls: [], version: '0.0.0' },
    endpointOf: (host, format, domain, repository) => `http://${host}/${format}/${domain}/${repository}/`,
  })

  const answer = async (request: IncomingMessage) => {
    const [rawPath = '', rawQuery = ''] = (request.url ?? '').split(/\?(.*)/s)
    const method = request.method ?? ''
    const route = management.match(method, rawPath)
    if (!route) return { status: 404, headers: { 'x-amzn-errortype': 'UnknownOperationException' }, body: '{}' }
    try {
      const received = { method, rawPath, rawQuery, body: await buffer(request) }
      const topology = await readTopologyCounter(store)
      const headers = request.rawHeaders.flatMap((name, index, all) =>
        index % 2 === 0 ? [[name, all[index + 1] ?? ''] as const] : [],
      )
      const login = { ...received, headers, service: route.service, address: '127.0.0.1', topology }
      const { caller } = await authenticator.management(login)
      const host = request.headers.host ?? ''
      return await management.handle(route, { ...received, headers: request.headers, caller, host })
    } catch (error) {
      return management.renderError(route, error)
    }
  }
  const seen: string[] = []
  const server = createServer(async (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const { status, headers, body } = await answer(request)
    response.writeHead(status, headers).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    key,
    store,
    management,
    authenticator,
    sealer,
    /** How often what sends deliveries was told that some are due. */
    get woken() {
      return woken
    },
    /** Request lines, in order. */
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await store[Symbol.asyncDispose]()
      await outbound[Symbol.asyncDispose]()
    },
  }
}

export type ManagementServer = Awaited<ReturnType<typeof startManagement>>
