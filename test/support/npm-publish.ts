import { createHash } from 'node:crypto'
import type { TestRegistry } from './server.ts'
import { packTarball, type ArchiveFiles } from './tarball.ts'

/** What a client publishes; each part can be given a lie in place of the truth. */
export type NpmPublication = {
  readonly name: string
  readonly version: string
  /** More of package.json, in the tarball and in the manifest alike. */
  readonly packageJson?: Readonly<Record<string, unknown>>
  readonly files?: ArchiveFiles
  /** In place of the tarball that would be built. */
  readonly tarball?: Uint8Array
  /** Over the manifest's own members. */
  readonly manifest?: Readonly<Record<string, unknown>>
  readonly dist?: Readonly<Record<string, unknown>>
  /** Over `{ content_type, data, length }`. */
  readonly attachment?: Readonly<Record<string, unknown>>
  /** Over the body's own members. */
  readonly body?: Readonly<Record<string, unknown>>
}

export async function packNpm({ name, version, packageJson, files }: NpmPublication): Promise<Buffer> {
  const content = JSON.stringify({ name, version, ...packageJson })
  return packTarball('package', { 'package.json': content, 'index.js': `// ${name}@${version}\n`, ...files })
}

export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash('sha512').update(bytes).digest('base64')}`

/** The body that `npm publish` sends, and the tarball in it. */
export async function npmPublishBody(
  publication: NpmPublication,
): Promise<{ readonly body: Record<string, unknown>; readonly tarball: Uint8Array }> {
  const { name, version } = publication
  const tarball = publication.tarball ?? (await packNpm(publication))
  const shasum = createHash('sha1').update(tarball).digest('hex')
  const dist = { integrity: integrityOf(tarball), shasum, tarball: 'http://localhost/x.tgz', ...publication.dist }
  const manifest = { name, version, ...publication.packageJson, dist, ...publication.manifest }
  const attachment = {
    content_type: 'application/octet-stream',
    data: Buffer.from(tarball).toString('base64'),
    length: tarball.length,
    ...publication.attachment,
  }
  const body = {
    _id: name,
    name,
    'dist-tags': { latest: version },
    versions: { [version]: manifest },
    _attachments: { [`${name}-${version}.tgz`]: attachment },
    ...publication.body,
  }
  return { body, tarball }
}

/** Publishes as npm does, to `at` where it is not where the name says. */
export async function publishNpm(
  registry: Pick<TestRegistry, 'fetch'>,
  publication: NpmPublication,
  {
    at,
    token,
    repository = 'main',
  }: {
    readonly at?: string
    readonly token?: string | null
    readonly repository?: string
  } = {},
): Promise<{ readonly status: number; readonly error: string; readonly tarball: Uint8Array }> {
  const { body, tarball } = await npmPublishBody(publication)
  const path = `/npm/local/${repository}/${at ?? publication.name.replace('/', '%2f')}`
  const init = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await registry.fetch(path, { ...init, ...(token !== undefined && { token }) })
  const answer = (await response.json()) as { error?: string }
  return { status: response.status, error: answer.error ?? '', tarball }
}
