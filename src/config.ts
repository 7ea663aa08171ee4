import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { isAbsolute, resolve } from 'node:path'
import { parseArgs } from 'node:util'

// Two steps: read flags, environment and file flat, each value with its source; then build one frozen Config, or say in one
// line what contradicts what. Nothing else in the server reads process.env.

export type Config = {
  readonly host: string
  readonly port: number
  /** Absolute path of the state folder. */
  readonly data: string
  /** Origins under which clients reach this server, no trailing slash; the first is the default. Empty: what it listens on. */
  readonly publicUrls: readonly string[]
  readonly region: string
  /** Addresses and CIDRs whose X-Forwarded-* headers count. */
  readonly trustedProxies: readonly string[]
  /** Origins whose pages may read packages in a browser. */
  readonly corsOrigins: readonly string[]
  readonly database:
    { readonly driver: 'sqlite'; readonly file: string } | { readonly driver: 'postgres'; readonly url: string }
  readonly blobs: { readonly driver: 'filesystem'; readonly root: string }
  readonly masterKey: { readonly value: string } | { readonly file: string }
  readonly upstreams: { readonly npmjs: string | null; readonly pypi: string | null }
  /** Nothing is asked of any upstream. */
  readonly offline: boolean
  readonly proxy: string | null
  /** Hosts that are reached without it: names, suffixes (`.corp.example`) or `*`. */
  readonly noProxy: readonly string[]
  readonly allowPrivateTargets: readonly string[] | true
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Bytes of files that are only cached, above which the least recently used go. */
  readonly cacheLimit: number
  /** Bytes of rendered answers kept in memory. */
  readonly keptMemory: number
  /** Seconds that a stopping server gives to what is still streaming. */
  readonly stopGrace: number
  readonly bootstrapKey: { readonly id: string; readonly secret: string } | null
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Setting = {
  readonly env: string
  /** Other spellings of it. */
  readonly alsoEnv?: readonly string[]
  readonly flag: string
  readonly fallback: string
  readonly help: string
  readonly secret?: true
}

const SETTINGS = {
  host: { env: 'GRANARY_HOST', flag: 'host', fallback: '127.0.0.1', help: 'address to listen on' },
  port: { env: 'GRANARY_PORT', flag: 'port', fallback: '8787', help: 'port to listen on; 0 takes a free one' },
  data: { env: 'GRANARY_DATA', flag: 'data', fallback: 'data', help: 'folder of all state' },
  publicUrl: {
    env: 'GRANARY_PUBLIC_URL',
    flag: 'public-url',
    fallback: '',
    help: 'address(es) under which clients reach the server, separated by commas',
  },
  region: { env: 'GRANARY_REGION', flag: 'region', fallback: 'us-east-1', help: 'region that ARNs carry' },
  trustedProxies: {
    env: 'GRANARY_TRUSTED_PROXIES',
    flag: 'trusted-proxies',
    fallback: '',
    help: 'addresses or CIDRs whose X-Forwarded-* headers count',
  },
  corsOrigins: {
    env: 'GRANARY_CORS_ORIGINS',
    flag: 'cors-origins',
    fallback: '',
    help: 'origins whose pages may read packages in a browser, separated by commas',
  },
  databaseUrl: {
    env: 'GRANARY_DATABASE_URL',
    flag: 'database-url',
    fallback: '',
    help: 'postgres://…; left out: SQLite in the data folder',
    secret: true,
  },
  blobs: {
    env: 'GRANARY_BLOBS',
    flag: 'blobs',
    fallback: '',
    help: 'folder of package files; left out: blobs/ in the data folder',
  },
  masterKey: { env: 'GRANARY_MASTER_KEY', flag: '', fallback: '', help: 'the master key itself, base64', secret: true },
  masterKeyFile: {
    env: 'GRANARY_MASTER_KEY_FILE',
    flag: 'master-key-file',
    fallback: '',
    help: 'file of the master key; left out: master.key in the data folder',
  },
  upstreamNpmjs: {
    env: 'GRANARY_UPSTREAM_NPMJS',
    flag: 'upstream-npmjs',
    fallback: '',
    help: 'registry root behind public:npmjs',
  },
  upstreamPypi: {
    env: 'GRANARY_UPSTREAM_PYPI',
    flag: 'upstream-pypi',
    fallback: '',
    help: 'simple root behind public:pypi',
  },
  offline: {
    env: 'GRANARY_OFFLINE',
    flag: 'offline',
    fallback: 'false',
    help: 'true: ask nothing of any upstream',
  },
  proxy: { env: 'HTTPS_PROXY', flag: 'proxy', fallback: '', help: 'proxy for requests to upstreams', secret: true },
  noProxy: { env: 'NO_PROXY', flag: 'no-proxy', fallback: '', help: 'hosts that upstreams have without the proxy' },
  allowPrivateTargets: {
    env: 'GRANARY_ALLOW_PRIVATE_TARGETS',
    flag: 'allow-private-targets',
    fallback: '',
    help: 'hosts and CIDRs that upstreams may reach besides public addresses, or true',
  },
  logLevel: {
    env: 'GRANARY_LOG_LEVEL',
    flag: 'log-level',
    fallback: 'info',
    help: 'trace, debug, info, warn, error or silent',
  },
  cacheLimit: {
    env: 'GRANARY_CACHE_LIMIT',
    flag: 'cache-limit',
    fallback: '50GB',
    help: 'bytes of cached files to keep (10GB, 500MB)',
  },
  keptMemory: {
    env: 'GRANARY_KEPT_MEMORY',
    flag: 'kept-memory',
    fallback: '96MB',
    help: 'bytes of rendered answers to keep in memory',
  },
  stopGrace: {
    env: 'GRANARY_STOP_GRACE',
    flag: 'stop-grace',
    fallback: '30',
    help: 'seconds to finish what is streaming when stopped',
  },
  bootstrapKeyId: {
    env: 'GRANARY_BOOTSTRAP_ACCESS_KEY_ID',
    flag: '',
    fallback: '',
    help: 'id of the first access key',
  },
  bootstrapSecret: {
    env: 'GRANARY_BOOTSTRAP_SECRET_ACCESS_KEY',
    alsoEnv: ['GRANARY_BOOTSTRAP_ACCESS_KEY_SECRET', 'GRANARY_BOOTSTRAP_SECRET'],
    flag: '',
    fallback: '',
    help: 'secret of the first access key',
    secret: true,
  },
} as const satisfies Record<string, Setting>

type Key = keyof typeof SETTINGS
export type Source = 'flag' | 'environment' | 'file' | 'default'
export type Flat = Readonly<Record<Key, { readonly value: string; readonly source: Source }>>

/** Reads every setting as text, with where it came from. `file` is the JSON file that GRANARY_CONFIG or --config names. */
export function readSettings(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Flat {
  const flagged = Object.values(SETTINGS).filter((setting) => setting.flag !== '')
  const options = Object.fromEntries(
    [...flagged.map(({ flag }) => flag), 'config'].map((flag) => [flag, { type: 'string' as const }]),
  )
  const flags = parseFlags(argv, options)
  const file = readFile(flags['config'] ?? env['GRANARY_CONFIG'])
  const read = (key: Key) => {
    const setting: Setting = SETTINGS[key]
    const flag = setting.flag === '' ? undefined : flags[setting.flag]
    if (flag !== undefined) return { value: flag, source: 'flag' as const }
    const variable = [setting.env, ...(setting.alsoEnv ?? [])].map((name) => env[name]).find((value) => value)
    if (variable !== undefined) return { value: variable, source: 'environment' as const }
    const written = file[key]
    if (written !== undefined)
      return { value: Array.isArray(written) ? written.join(',') : String(written), source: 'file' as const }
    return { value: setting.fallback, source: 'default' as const }
  }
  return Object.fromEntries((Object.keys(SETTINGS) as Key[]).map((key) => [key, read(key)])) as Flat
}

function parseFlags(
  argv: readonly string[],
  options: Record<string, { type: 'string' }>,
): Record<string, string | undefined> {
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values as Record<string, string | undefined>
  } catch (error) {
    throw new ConfigError((error as Error).message.split('\n')[0] ?? 'bad flag')
  }
}

function readFile(path: string | undefined): Record<string, unknown> {
  if (!path) return {}
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('it is no JSON object')
    const unknown = Object.keys(parsed).filter((key) => !(key in SETTINGS))
    if (unknown.length > 0) throw new Error(`it has unknown settings: ${unknown.join(', ')}`)
    return parsed as Record<string, unknown>
  } catch (error) {
    throw new ConfigError(`The configuration file ${path} cannot be used: ${(error as Error).message}`)
  }
}

/** Builds the configuration, or throws `ConfigError` with one clear line. */
export function buildConfig(flat: Flat, cwd: string): Config {
  const at = (path: string) => (isAbsolute(path) ? path : resolve(cwd, path))
  const data = at(flat.data.value)
  const config: Config = {
    host: flat.host.value,
    port: integer(flat, 'port', 0, 65_535),
    data,
    publicUrls: list(flat.publicUrl.value).map((url) => parseOrigin('publicUrl', url)),
    region: matching(flat, 'region', /^[a-z0-9-]{2,32}$/),
    trustedProxies: addressRanges(flat, 'trustedProxies'),
    corsOrigins: list(flat.corsOrigins.value).map((origin) => parseOrigin('corsOrigins', origin)),
    database: database(flat.databaseUrl.value, data),
    blobs: { driver: 'filesystem', root: flat.blobs.value ? at(flat.blobs.value) : resolve(data, 'blobs') },
    masterKey: flat.masterKey.value
      ? { value: flat.masterKey.value }
      : { file: flat.masterKeyFile.value ? at(flat.masterKeyFile.value) : resolve(data, 'master.key') },
    upstreams: { npmjs: upstreamRoot(flat, 'upstreamNpmjs'), pypi: upstreamRoot(flat, 'upstreamPypi') },
    proxy: proxy(flat),
    noProxy: list(flat.noProxy.value),
    offline: matching(flat, 'offline', /^(true|false)$/) === 'true',
    allowPrivateTargets: flat.allowPrivateTargets.value === 'true' ? true : targets(flat, 'allowPrivateTargets'),
    logLevel: matching(flat, 'logLevel', /^(trace|debug|info|warn|error|silent)$/) as Config['logLevel'],
    cacheLimit: bytes(flat, 'cacheLimit'),
    keptMemory: bytes(flat, 'keptMemory'),
    stopGrace: integer(flat, 'stopGrace', 0, 3600),
    bootstrapKey: bootstrapKey(flat),
  }
  checkReach(config, flat)
  return Object.freeze(config)
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::' || host === ''

function checkReach(config: Config, flat: Flat): void {
  if (isWildcard(config.host) && config.publicUrls.length === 0) {
    throw new ConfigError(
      `Listening on ${flat.host.value || 'every address'} needs a public URL: set ${SETTINGS.publicUrl.env}, since the addresses in answers are configured, not believed`,
    )
  }
  if (flat.masterKey.value && flat.masterKeyFile.value) {
    throw new ConfigError(`${SETTINGS.masterKey.env} and ${SETTINGS.masterKeyFile.env} contradict each other: set one`)
  }
}

/** Things that work but should not be overlooked, one line each. */
export function warnings(config: Config): readonly string[] {
  const plain = config.publicUrls.filter((url) => url.startsWith('http:') && !isLoopback(new URL(url).hostname))
  const lines = plain.map(
    (url) => `${url} is plain HTTP beyond this machine: tokens and packages travel unprotected. Put TLS in front.`,
  )
  if (config.offline)
    lines.push(`This installation is offline (${SETTINGS.offline.env}): no upstream is asked for anything.`)
  if (plain.length === 0 && config.publicUrls.length === 0 && !isLoopback(config.host)) {
    lines.push(
      `Listening on ${config.host} over plain HTTP beyond this machine: tokens and packages travel unprotected. Put TLS in front.`,
    )
  }
  return lines
}

/** The settings as `granary config` prints them; secrets are not shown. */
export function describeSettings(
  flat: Flat,
): readonly { setting: string; value: string; source: Source; variable: string; help: string }[] {
  return (Object.entries(SETTINGS) as [Key, Setting][]).map(([key, setting]) => ({
    setting: key,
    value: setting.secret && flat[key].value ? '(hidden)' : flat[key].value,
    source: flat[key].source,
    variable: setting.env,
    help: setting.help,
  }))
}

const list = (value: string): readonly string[] =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

function isRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)
}

function addressRanges(flat: Flat, key: Key): readonly string[] {
  const ranges = list(flat[key].value)
  const wrong = ranges.find((range) => !isRange(range))
  if (wrong !== undefined) throw bad(key, wrong, 'an IP address or a CIDR, or several of them separated by commas')
  return ranges
}

function targets(flat: Flat, key: Key): readonly string[] {
  const named = list(flat[key].value)
  const isHost = (text: string) => /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(text)
  const wrong = named.find((target) => !isRange(target.replace(/^\[(.*)\]$/, '$1')) && !isHost(target))
  if (wrong !== undefined) throw bad(key, wrong, 'host names, IP addresses and CIDRs, separated by commas, or true')
  return named
}

/** It may hold a password, so it is not shown. */
function proxy({ proxy: { value } }: Flat): string | null {
  if (value === '') return null
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw new ConfigError(`${SETTINGS.proxy.env} is no http:// or https:// address`)
  return value
}

const bad = (key: Key, value: string, wanted: string) =>
  new ConfigError(`${SETTINGS[key].env} is ${JSON.stringify(value)}: it must be ${wanted}`)

function integer(flat: Flat, key: Key, from: number, to: number): number {
  const value = Number(flat[key].value)
  if (!Number.isInteger(value) || value < from || value > to)
    throw bad(key, flat[key].value, `a whole number from ${from} to ${to}`)
  return value
}

function matching(flat: Flat, key: Key, pattern: RegExp): string {
  if (!pattern.test(flat[key].value)) throw bad(key, flat[key].value, SETTINGS[key].help)
  return flat[key].value
}

const UNITS: Readonly<Record<string, number>> = { '': 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 }
function bytes(flat: Flat, key: Key): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?b)?$/i.exec(flat[key].value.trim())
  if (!match) throw bad(key, flat[key].value, 'a number of bytes, like 500MB')
  return Math.floor(
    Number(match[1]) *
      (UNITS[(match[2] === undefined || match[2].toLowerCase() === 'b' ? '' : match[2]).toLowerCase()] ?? 1),
  )
}

function parseOrigin(key: Key, raw: string): string {
  const url = URL.canParse(raw) ? new URL(raw) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw bad(key, raw, 'http:// or https:// with a host and, if need be, a port; no path')
  }
  return url.origin
}

function upstreamRoot(flat: Flat, key: 'upstreamNpmjs' | 'upstreamPypi'): string | null {
  const raw = flat[key].value
  if (raw === '') return null
  const url = URL.canParse(raw) ? new URL(raw) : null
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
    throw bad(key, raw.replace(/\/\/[^/@]*@/, '//…@'), 'an http:// or https:// address, without log-in or query')
  return raw.endsWith('/') ? raw : `${raw}/`
}

function database(url: string, data: string): Config['database'] {
  if (url === '') return { driver: 'sqlite', file: resolve(data, 'granary.db') }
  if (!/^postgres(ql)?:\/\//.test(url)) throw new ConfigError(`${SETTINGS.databaseUrl.env} must begin with postgres://`)
  return { driver: 'postgres', url }
}

function bootstrapKey(flat: Flat): Config['bootstrapKey'] {
  const [id, secret] = [flat.bootstrapKeyId.value, flat.bootstrapSecret.value]
  if (id === '' && secret === '') return null
  if (!/^[A-Z0-9]{16,128}$/.test(id) || secret.length < 16) {
    throw new ConfigError(
      `${SETTINGS.bootstrapKeyId.env} and ${SETTINGS.bootstrapSecret.env} go together: 16 or more capitals and digits, and 16 or more characters`,
    )
  }
  return { id, secret }
}
