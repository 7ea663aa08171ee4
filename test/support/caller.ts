import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import type { Credentials } from '../../src/cli/credentials.ts'
import type { Granary } from './granary.ts'
import type { Upload } from './publishing.ts'
import { ask, open, type Asked, type Received } from './request.ts'

/** What package managers make of a package's index: its files, by name, with their declared digests and addresses. */
export type Listed = { readonly file: string; readonly digest: string; readonly url: string; readonly version: string }

/** Somebody who talks to a running Granary's package doors and management API, by the address that it has at that moment. */
export type Caller = {
  readonly token: string
  /** The management API. */
  readonly api: Client
  /** Below `/{format}/local/main/`, unless `repository` says another. */
  address(format: 'npm' | 'pypi', path: string, repository?: string): string
  publish(upload: Upload): Promise<Received>
  /** With the token; `url` may be a path below the server's root. */
  get(url: string, asked?: Asked): Promise<Received>
  open(url: string, asked?: Asked): ReturnType<typeof open>
  /** Empty where the package does not exist; throws where the registry says anything else than what it has. */
  list(format: 'npm' | 'pypi', name: string): Promise<readonly Listed[]>
}

export async function operatorCredentials(data: string): Promise<Extract<Credentials, { kind: 'access-key' }>> {
  const text = await readFile(join(data, 'credentials'), 'utf8')
  const value = (key: string) => new RegExp(`${key} = (\\S+)`).exec(text)?.[1] ?? ''
  return {
    kind: 'access-key',
    accessKeyId: value('aws_access_key_id'),
    secretAccessKey: value('aws_secret_access_key'),
    sessionToken: null,
  }
}

/** Logs in with the key of the first start, or with `credentials`. */
export async function callerOf(granary: Granary, credentials?: Credentials): Promise<Caller> {
  const known = credentials ?? (await operatorCredentials(granary.data))
  const client = () => openClient({ url: granary.url, region: 'us-east-1', credentials: known })
  const made = await client().call(operations.getAuthorizationToken, { domain: 'local' })
  return callerWith(granary, made.authorizationToken, client)
}

/** The same person at another process of the installation. */
export const callerAt = (granary: Granary, { token }: Caller, credentials: Credentials): Caller =>
  callerWith(granary, token, () => openClient({ url: granary.url, region: 'us-east-1', credentials }))

function callerWith(granary: Granary, token: string, client: () => Client): Caller {
  const authorized = (url: string, asked: Asked = {}) =>
    [
      new URL(url, granary.url).href,
      { ...asked, headers: { authorization: `Bearer ${token}`, ...asked.headers } },
    ] as const
  const address: Caller['address'] = (format, path, repository = 'main') =>
    `${granary.url}/${format}/local/${repository}/${path}`
  const get: Caller['get'] = (url, asked) => ask(...authorized(url, asked))
  return {
    token,
    get api() {
      return client()
    },
    address,
    get,
    open: (url, asked) => open(...authorized(url, asked)),
    publish: ({ format, path, request }) => get(address(format, path), request),
    async list(format, name) {
      const path = format === 'npm' ? name.replace('/', '%2f') : `simple/${name}/`
      const accept = format === 'npm' ? 'application/json' : 'application/vnd.pypi.simple.v1+json'
      const answer = await get(address(format, path), { headers: { accept } })
      if (answer.status === 404) return []
      if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${answer.body.toString()}`)
      const document: unknown = JSON.parse(answer.body.toString())
      return format === 'npm' ? npmFiles(document as Packument) : pypiFiles(document as Page, address(format, path))
    },
  }
}

type Packument = { readonly versions: Record<string, { readonly dist: { integrity: string; tarball: string } }> }
type Page = { readonly files: readonly { filename: string; url: string; hashes: { sha256: string } }[] }

const npmFiles = ({ versions }: Packument): readonly Listed[] =>
  Object.entries(versions).map(([version, { dist }]) => ({
    version,
    file: decodeURIComponent(dist.tarball.slice(dist.tarball.lastIndexOf('/') + 1)),
    digest: dist.integrity,
    url: dist.tarball,
  }))

const pypiFiles = ({ files }: Page, base: string): readonly Listed[] =>
  files.map(({ filename, url, hashes }) => ({
    version: filename.split('-')[1]?.replace(/\.tar\.gz$/, '') ?? '',
    file: filename,
    digest: hashes.sha256,
    url: new URL(url, base).href,
  }))
