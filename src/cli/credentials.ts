import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { EXIT, Failure, usage } from './failure.ts'
import { readIni } from './ini.ts'
import type { Environment } from './environment.ts'

/** How requests prove who sends them. */
export type Credentials =
  | {
      readonly kind: 'access-key'
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken: string | null
    }
  | { readonly kind: 'token'; readonly token: string }

export type CredentialOptions = {
  /** The server that they are for. */
  readonly url: string
  readonly accessKeyId?: string | undefined
  readonly secretAccessKeyFile?: string | undefined
  readonly profile?: string | undefined
}

/**
 * The first that is there: flags; GRANARY_…; `data/credentials` where the server is on this machine; AWS's variables; AWS's
 * shared credentials file. Throws where there is none, and where one is given by halves.
 */
export async function findCredentials(options: CredentialOptions, env: Environment): Promise<Credentials> {
  const found =
    (await fromFlags(options, env)) ??
    fromVariables(env, 'GRANARY_') ??
    (env.GRANARY_TOKEN ? { kind: 'token' as const, token: env.GRANARY_TOKEN } : null) ??
    (await fromServersFile(options.url, env)) ??
    fromVariables(env, 'AWS_') ??
    (await fromSharedFile(env.AWS_PROFILE ?? 'default', env))
  if (found) return found
  throw new Failure(
    EXIT.refused,
    'No credentials were found. Set GRANARY_ACCESS_KEY_ID and GRANARY_SECRET_ACCESS_KEY, or name a profile of the AWS ' +
      'credentials file with --profile; for a server on this machine, run the command where its data folder is.',
  )
}

async function fromFlags(
  { accessKeyId, secretAccessKeyFile, profile }: CredentialOptions,
  env: Environment,
): Promise<Credentials | null> {
  if (accessKeyId !== undefined || secretAccessKeyFile !== undefined) {
    if (accessKeyId === undefined || secretAccessKeyFile === undefined) {
      throw usage('--access-key-id and --secret-access-key-file belong together')
    }
    const secret = await readText(secretAccessKeyFile)
    if (secret === null) throw usage(`${secretAccessKeyFile} cannot be read`)
    return { kind: 'access-key', accessKeyId, secretAccessKey: secret.trim(), sessionToken: null }
  }
  if (profile === undefined) return null
  const found = await fromSharedFile(profile, env)
  if (found) return found
  throw new Failure(EXIT.refused, `The AWS credentials file has no access key under the profile ${profile}`)
}

/** A session token belongs to the key that stands beside it, never to one from elsewhere. */
function fromVariables(env: Environment, prefix: 'GRANARY_' | 'AWS_'): Credentials | null {
  const [idName, secretName] = [`${prefix}ACCESS_KEY_ID`, `${prefix}SECRET_ACCESS_KEY`]
  const [accessKeyId, secretAccessKey] = [env[idName], env[secretName]]
  if (!accessKeyId && !secretAccessKey) return null
  if (!accessKeyId || !secretAccessKey)
    throw usage(`${idName} and ${secretName} belong together; one of them is not set`)
  return { kind: 'access-key', accessKeyId, secretAccessKey, sessionToken: env[`${prefix}SESSION_TOKEN`] || null }
}

/** What the first start of a server wrote. Another machine's server is not asked with it. */
async function fromServersFile(url: string, env: Environment): Promise<Credentials | null> {
  if (!isLoopback(new URL(url).hostname)) return null
  const text = await readText(path.join(env.GRANARY_DATA || 'data', 'credentials'))
  return text === null ? null : fromProfile(text, ['default'])
}

async function fromSharedFile(profile: string, env: Environment): Promise<Credentials | null> {
  const folder = path.join(env.HOME || homedir(), '.aws')
  const credentials = await readText(env.AWS_SHARED_CREDENTIALS_FILE || path.join(folder, 'credentials'))
  const config = await readText(env.AWS_CONFIG_FILE || path.join(folder, 'config'))
  return fromProfile(credentials ?? '', [profile]) ?? fromProfile(config ?? '', [`profile ${profile}`, profile])
}

function fromProfile(text: string, names: readonly string[]): Credentials | null {
  const sections = readIni(text)
  for (const name of names) {
    const values = sections.get(name)
    const accessKeyId = values?.get('aws_access_key_id')
    const secretAccessKey = values?.get('aws_secret_access_key')
    if (!accessKeyId || !secretAccessKey) continue
    return { kind: 'access-key', accessKeyId, secretAccessKey, sessionToken: values?.get('aws_session_token') || null }
  }
  return null
}

export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' ||
  hostname.endsWith('.localhost') ||
  hostname === '[::1]' ||
  /^127(\.\d+){3}$/.test(hostname)

/** null where it is not there or not ours to read. */
async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}
