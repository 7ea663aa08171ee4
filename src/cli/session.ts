import type { Command } from 'commander'
import { operations } from '../api/index.ts'
import { openClient, type Client } from './client.ts'
import { findCredentials } from './credentials.ts'
import type { Environment } from './environment.ts'
import { usage } from './failure.ts'
import { json, type Terminal } from './output.ts'

export const DEFAULT_URL = 'http://127.0.0.1:8787'
/** What a server makes at its first start. */
export const DEFAULT_DOMAIN = 'local'
export const DEFAULT_REPOSITORY = 'main'

/** What every command works with. */
export type Session = {
  readonly terminal: Terminal
  readonly env: Environment
  /** The server, as the options of the command name it. `urlIsAnother`: the command's own --url means something else. */
  client(command: Command, options?: { readonly urlIsAnother?: boolean }): Promise<Client>
  /** Writes a result: as JSON where the command was asked for it, else as `people` reads it. */
  show(command: Command, result: unknown, people: string): void
}

/** Options that every command has. */
export type CommonOptions = {
  readonly url?: string
  readonly json?: boolean
  readonly region?: string
  readonly profile?: string
  readonly accessKeyId?: string
  readonly secretAccessKeyFile?: string
}

/** They may stand after the command or before it; the later one counts. */
export const commonOptions = (command: Command): CommonOptions => ({
  ...(command.parent && commonOptions(command.parent)),
  ...command.opts<CommonOptions>(),
})

export function createSession(terminal: Terminal, env: Environment): Session {
  return {
    terminal,
    env,
    async client(command, { urlIsAnother = false } = {}) {
      const options = commonOptions(command)
      const named = urlIsAnother && command.parent ? commonOptions(command.parent).url : options.url
      const url = parseUrl(named ?? env.GRANARY_URL ?? DEFAULT_URL)
      const credentials = await findCredentials({ ...options, url }, env)
      return openClient({ url, credentials, region: options.region ?? env.GRANARY_REGION ?? 'us-east-1' })
    },
    show(command, result, people) {
      terminal.out(commonOptions(command).json ? json(result) : people)
    },
  }
}

function parseUrl(raw: string): string {
  const url = URL.parse(raw)
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw usage(`${raw} is not an http or https URL`)
  if (url.username || url.password || url.search || url.hash) {
    throw usage('The URL of a server has no user, query or fragment')
  }
  return url.href
}

/** The account that a command is about: the caller's own where none is named. */
export const accountOf = async (client: Client, account: string | undefined): Promise<string> =>
  account ?? (await client.call(operations.whoAmI, {})).account
