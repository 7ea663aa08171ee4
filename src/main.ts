import { hostname } from 'node:os'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { createAuthenticator } from './auth/authenticate.ts'
import { createRoleSessions } from './auth/role-sessions.ts'
import { createTokens } from './auth/tokens.ts'
import {
  buildConfig,
  ConfigError,
  describeSettings,
  isLoopback,
  readSettings,
  warnings,
  type Config,
} from './config.ts'
import { CREDENTIALS, firstStart } from './first-start.ts'
import type { Format } from './formats/format.ts'
import { npm } from './formats/npm/index.ts'
import { pypi } from './formats/pypi/index.ts'
import { openInstallation } from './installation.ts'
import { MAINTENANCE } from './maintenance.ts'
import { createOutbound } from './outbound/outbound.ts'
import { createAuthorizer } from './registry/authorize.ts'
import { DEFAULTS } from './registry/bootstrap.ts'
import type { Connection, Hex } from './registry/model.ts'
import { arn, type FormatId } from './registry/names.ts'
import type { MetadataStore } from './registry/ports.ts'
import { RegistryError } from './registry/errors.ts'
import { createRegistry } from './registry/registry.ts'
import { createTopology, readTopologyCounter } from './registry/topology.ts'
import { backlogOf, createEventSending, waking } from './send-events.ts'
import { createAddresses } from './server/addresses.ts'
import { createApp } from './server/app.ts'
import { openKeptFiles } from './server/kept-files.ts'
import { createKept } from './server/kept.ts'
import { listen } from './server/listen.ts'
import { createLog, type Log } from './server/log.ts'
import { createManagement } from './server/management.ts'
import { createMetrics } from './server/metrics.ts'
import { startWorkers } from './server/workers.ts'
import { collectPeriodically } from './storage/blobs/collect.ts'
import { keepSmallInMemory } from './storage/blobs/small-in-memory.ts'
import { usedBlobs } from './storage/blobs/used-blobs.ts'
import { verifiedOnce } from './storage/blobs/verified-once.ts'
import { UnusableStoreError } from './storage/sql/unusable-store.ts'
import { publicConnections } from './upstream/public-registries.ts'
import { createUpstream } from './upstream/upstream.ts'

export const VERSION = packageJson.version

export const FORMATS: readonly Format[] = [npm, pypi]

const KEPT_FILES_BYTES = 2e9
/** Of small files that are asked for again and again, in memory. */
const SMALL_FILES_BYTES = 16e6

export type RunningServer = {
  readonly url: string
  readonly isFirstStart: boolean
  stop(): Promise<void>
}

/** Wires and starts a server. What is opened here is closed in reverse by `stop`. */
export async function startServer(config: Config, log: Log): Promise<RunningServer> {
  const open = new AsyncDisposableStack()
  try {
    return await wire(config, log, open)
  } catch (error) {
    await open.disposeAsync()
    throw error
  }
}

async function wire(config: Config, log: Log, open: AsyncDisposableStack): Promise<RunningServer> {
  const startedAt = Date.now()
  const { blobs: stored, sealer, clock, ...installation } = open.use(await openInstallation(config))
  const onCorrupt = (sha256: Hex) =>
    log.error({ sha256 }, 'a stored file is not what its name says: if it was cached it is fetched again')
  const blobs = keepSmallInMemory(verifiedOnce(stored, onCorrupt), { limitBytes: SMALL_FILES_BYTES, onCorrupt })
  const connections = publicConnections(definedOnly(config.upstreams))
  const { installation: issuer, isFirst } = await firstStart(
    { store: installation.store, sealer, clock, data: config.data, connections },
    config.bootstrapKey,
  )
  const plain = withConnections(installation.store, connections)
  const formats = new Map(FORMATS.map((format) => [format.id as string, format]))
  const formatOf = (id: FormatId): Format => formats.get(id) as Format

  const metrics = createMetrics({
    blobs: () => plain.blobTotals(),
    deliveries: () => backlogOf(plain, clock),
    upstreams: async () => (await plain.listConnections()).map((one) => [one.name, upstream.healthOf(one)] as const),
  })
  const userAgent = `granary/${VERSION}`
  const events = open.use(createEventSending({ config, userAgent, store: plain, sealer, clock, log, metrics }))
  const store = waking(plain, events.wake)
  const workers = open.use(startWorkers())
  const outbound = open.use(
    createOutbound({
      allowPrivate: config.allowPrivateTargets,
      userAgent,
      ...(config.proxy === null ? {} : { proxy: config.proxy, noProxy: config.noProxy }),
      clock,
    }),
  )
  const upstream = open.use(
    createUpstream({
      outbound,
      store,
      blobs,
      clock,
      ecosystemOf: (id) => formatOf(id).ecosystem,
      readIndex: (id, received, name, known) => workers.readIndex(formatOf(id), received, name, known),
      excerpt: (id, document, name, files) => workers.excerpt(formatOf(id), document, name, files),
      credentialsOf: async (connection) =>
        connection.credentials === null
          ? null
          : { header: sealer.open(connection.credentials, `connection/${connection.name}`).toString() },
      observe: ({ connection, kind, status }) =>
        metrics.upstream.inc({ connection, kind, outcome: status === null ? 'no-answer' : String(status) }),
      onMismatch: (connection, file, reason) =>
        log.error(
          { connection: connection.name, file: file.file, reason },
          'an upstream gave other bytes than its index declares',
        ),
      onLandedFailure: (error, file) => log.error({ error, file: file.file }, 'a fetched file could not be recorded'),
      isOffline: config.offline,
    }),
  )
  const used = open.use(
    usedBlobs(store, clock, { onError: (error) => log.warn({ error }, 'uses of blobs could not be recorded') }),
  )
  open.use(
    collectPeriodically({
      ledger: store,
      blobs,
      clock,
      cacheLimitBytes: config.cacheLimit,
      onCollected: (collected) => log.debug({ ...collected }, 'collected'),
      onError: (error) => log.error({ error }, 'a collection failed'),
    }),
  )

  const topology = createTopology(store)
  const authorizer = createAuthorizer({ store, clock, region: config.region })
  const registry = createRegistry({
    store,
    blobs,
    upstream,
    clock,
    versionKey: (id, version) => formatOf(id).ecosystem.versionKey(version),
    sideCarsOf: (id) => formatOf(id).ecosystem.sideCars,
    used: (sha256) => used.used(sha256),
    onRetentionFailure: (error, file) => log.error({ error, file }, 'a fetched file could not be recorded'),
    merge: (id, job) => workers.merge(formatOf(id), job),
    require: async ({ caller, callerAt, facts, domain, repository }, action, name) => {
      // Read anew: while a body came in, the right to publish it may have been taken back, or the key that it came with.
      const counter = await readTopologyCounter(store)
      await authorizer.require({
        caller: callerAt ? await callerAt(counter) : caller,
        action,
        resource: arn.package(config.region, domain.owner, domain.name, repository.name, name),
        owner: domain.owner,
        domain: domain.name,
        repository: { name: repository.name, administrator: repository.administrator },
        topology: counter,
        ...(facts && { context: facts }),
      })
    },
  })
  const kept = createKept({
    store,
    blobs,
    clock,
    memory: config.keptMemory,
    files: open.use(await openKeptFiles(join(config.data, 'kept'), KEPT_FILES_BYTES, `${VERSION} ${issuer}`)),
    readPackage: registry.readPackage,
    render: workers.render,
    used: (sha256) => used.used(sha256),
    onRefreshFailure: (error, name) => log.warn({ error, package: name.key }, 'an index could not be refreshed'),
  })

  let stopping = false
  const listening = await listenWith(config, (addresses) => {
    const tokens = createTokens({ store, sealer, clock, issuer })
    const sessions = createRoleSessions({ sealer, issuer })
    const authenticator = createAuthenticator({ store, tokens, sessions, sealer, clock, hosts: addresses.hosts })
    const management = createManagement({
      store,
      topology,
      authorizer,
      tokens,
      sessions,
      sealer,
      clock,
      webhooks: events.tools,
      upstreams: {
        healthOf: upstream.healthOf,
        refresh: registry.refreshPackage,
        process: { host: hostname(), pid: process.pid, startedAt },
      },
      formats: FORMATS,
      config: {
        region: config.region,
        operatorAccount: DEFAULTS.account,
        publicUrls: addresses.origins,
        version: VERSION,
      },
      endpointOf: (host, format, domain, repository) =>
        `${addresses.originFor(host)}/${format}/${domain}/${repository}/`,
    })
    return createApp({
      log,
      metrics,
      accepting: () => !stopping,
      ping: () => store.ping(),
      jwks: () => tokens.jwks(),
      crossOrigins: new Set(config.corsOrigins),
      packages: {
        formats,
        store,
        topology,
        registry,
        kept,
        clock,
        region: config.region,
        addresses,
        authenticator,
        authorizer,
      },
      management: {
        management,
        addresses,
        authenticator,
        readTopology: () => readTopologyCounter(store),
        bodyDeadlineMs: 30_000,
      },
    })
  })
  events.start()
  const stop = async () => {
    stopping = true
    const grace = config.stopGrace * 1000
    await Promise.all([listening.stop(grace), events.stop(grace)])
    await open.disposeAsync()
  }
  let stopped: Promise<void> | undefined
  return { url: listening.url, isFirstStart: isFirst, stop: () => (stopped ??= stop()) }
}

/** The addresses in answers depend on the port, and port 0 is known only once it listens: the doors are hung after that. */
async function listenWith(
  config: Config,
  appFor: (addresses: ReturnType<typeof createAddresses>) => ReturnType<typeof createApp>,
) {
  const hung: { app?: ReturnType<typeof createApp> } = {}
  const listening = await listen(
    (request, response) => (hung.app ? hung.app(request, response) : void response.writeHead(503).end()),
    { host: config.host, port: config.port },
  ).catch((error: NodeJS.ErrnoException) => {
    throw cannotListen(config, error)
  })
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const names = isLoopback(config.host) ? new Set([host === 'localhost' ? '127.0.0.1' : host, 'localhost']) : [host]
  const own = [...names].map((name) => `http://${name}:${listening.port}`)
  hung.app = appFor(createAddresses(config.publicUrls.length > 0 ? config.publicUrls : own, config.trustedProxies))
  return { url: own[0] as string, stop: listening.stop }
}

function cannotListen({ host, port }: Config, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ConfigError(`Port ${port} of ${host} is taken, perhaps by another Granary: choose one with --port`)
    case 'EACCES':
      return new ConfigError(`Port ${port} of ${host} is not for everybody to listen on: choose one with --port`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ConfigError(`${host} is no address of this machine: choose one with --host`)
    default:
      return error
  }
}

/** Where the built-in connections lead is the configuration's say, whatever it said when they were made. */
function withConnections<Store extends MetadataStore>(store: Store, builtIn: readonly Connection[]): Store {
  const configured = (connection: Connection) => {
    const known = builtIn.find(({ name }) => name === connection.name)
    return known ? { ...connection, url: known.url, fileOrigins: known.fileOrigins } : connection
  }
  return {
    ...store,
    async findConnection(name) {
      const connection = await store.findConnection(name)
      return connection && configured(connection)
    },
    listConnections: async () => (await store.listConnections()).map(configured),
  }
}

const definedOnly = (upstreams: Config['upstreams']): { npmjs?: string; pypi?: string } => ({
  ...(upstreams.npmjs === null ? {} : { npmjs: upstreams.npmjs }),
  ...(upstreams.pypi === null ? {} : { pypi: upstreams.pypi }),
})

// ------------------------------------------------------------------------------------------- the command line

async function serve(argv: readonly string[]): Promise<number> {
  const config = buildConfig(readSettings(argv), process.cwd())
  const log = createLog(config.logLevel)
  for (const warning of warnings(config)) log.warn(warning)
  const server = await startServer(config, log)
  // First: whoever reads that it serves may tell it to stop.
  const stopped = untilStopped(server, log)
  log.info({ url: server.url, version: VERSION, data: config.data }, 'serving')
  if (process.stderr.isTTY) process.stderr.write(welcome(config, server))
  return stopped
}

/** npm and the terminal both pass Ctrl+C on: what comes so soon after the first is the same wish. Later it is impatience. */
const SAME_WISH_MS = 1_000

function untilStopped(server: RunningServer, log: Log): Promise<number> {
  return new Promise((resolve) => {
    let toldAt: number | null = null
    const stop = (signal: string) => {
      if (toldAt !== null) {
        if (performance.now() - toldAt > SAME_WISH_MS) resolve(1)
        return
      }
      toldAt = performance.now()
      log.info({ signal }, 'stopping')
      server.stop().then(
        () => resolve(0),
        (error: unknown) => {
          log.error({ error }, 'stopping failed')
          resolve(1)
        },
      )
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    // After what nobody expected, nobody knows what state things are in: it is told, and whoever watches starts anew.
    process.on('uncaughtException', (error) => {
      log.fatal({ error }, 'an unexpected error ends the server')
      resolve(1)
    })
  })
}

const welcome = (config: Config, { url, isFirstStart }: RunningServer): string =>
  [
    '',
    `Granary ${VERSION} serves at ${url}, state in ${config.data}`,
    ...(isFirstStart ? [`The first access key is in ${join(config.data, CREDENTIALS)}`] : []),
    '',
    'In a second terminal, in this folder:',
    '  npx granary login npm        and then npm install, npm publish',
    '  npx granary login pip        and then pip install',
    '  npx granary --help           everything else',
    '',
    '',
  ].join('\n')

function printConfig(argv: readonly string[]): number {
  const asJson = argv.includes('--json')
  const flat = readSettings(argv.filter((argument) => argument !== '--json'))
  buildConfig(flat, process.cwd())
  const settings = describeSettings(flat)
  if (asJson) process.stdout.write(`${JSON.stringify(settings, null, 2)}\n`)
  else
    for (const { setting, value, source, variable } of settings)
      process.stdout.write(`${setting.padEnd(20)} ${(value || '-').padEnd(28)} ${source.padEnd(12)} ${variable}\n`)
  return 0
}

/** What the operating system refuses names the file and the reason: `EACCES: permission denied, open '…'`. */
const isOfTheSystem = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && 'code' in error

/** `granary serve`, `config` and what works on the machine itself, beside the store. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const [command = '', ...rest] = argv
  try {
    if (command === 'serve') return await serve(rest)
    if (command === 'config') return printConfig(rest)
    const run = MAINTENANCE[command]
    if (run) return await run(rest, openInstallation, VERSION)
    process.stderr.write(`granary: there is no command ${command} here\n`)
    return 2
  } catch (error) {
    const isForPeople =
      error instanceof ConfigError || error instanceof RegistryError || error instanceof UnusableStoreError
    if (!isForPeople && !isOfTheSystem(error)) throw error
    process.stderr.write(`granary: ${error.message}\n`)
    return error instanceof ConfigError ? 2 : 1
  }
}
