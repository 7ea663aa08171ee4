import { createHash, randomUUID } from 'node:crypto'
import { integrityOf, npmPublishBody } from './npm-publish.ts'
import type { Asked } from './request.ts'
import { buildSdist, buildWheel, type Distribution } from './wheel.ts'

// What npm and twine send when they publish, without them.

/** A file on its way to a registry: what is sent, and what must come back. */
export type Upload = {
  readonly format: 'npm' | 'pypi'
  readonly name: string
  readonly version: string
  readonly file: string
  readonly bytes: Buffer
  readonly sha256: string
  /** The npm form of the SHA-512; PyPI pages say `sha256`. */
  readonly integrity: string
  /** Below `/{format}/{domain}/{repository}/`. */
  readonly path: string
  readonly request: Required<Pick<Asked, 'method' | 'headers' | 'body'>>
}

/** As `npm publish` sends it. `files`: more files of the tarball. */
export async function npmUpload(
  name: string,
  version: string,
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<Upload> {
  const { body, tarball } = await npmPublishBody({ name, version, files })
  return {
    format: 'npm',
    name,
    version,
    file: `${name.slice(name.indexOf('/') + 1)}-${version}.tgz`,
    bytes: Buffer.from(tarball),
    ...hashesOf(tarball),
    path: name.replace('/', '%2f'),
    request: { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  }
}

/** As `twine upload` sends one file. */
export async function pypiUpload(distribution: Distribution, kind: 'wheel' | 'sdist' = 'wheel'): Promise<Upload> {
  const { file, bytes } = kind === 'wheel' ? buildWheel(distribution) : await buildSdist(distribution)
  const hashes = hashesOf(bytes)
  const fields = {
    ':action': 'file_upload',
    protocol_version: '1',
    metadata_version: '2.1',
    name: distribution.name,
    version: distribution.version,
    filetype: kind === 'wheel' ? 'bdist_wheel' : 'sdist',
    pyversion: kind === 'wheel' ? 'py3' : 'source',
    sha256_digest: hashes.sha256,
  }
  const boundary = randomUUID()
  const part = (head: string, content: string | Uint8Array) => [
    Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]
  const body = Buffer.concat([
    ...Object.entries(fields).flatMap(([field, value]) => part(`name="${field}"`, value)),
    ...part(`name="content"; filename="${file}"`, bytes),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  return {
    format: 'pypi',
    name: distribution.name,
    version: distribution.version,
    file,
    bytes,
    ...hashes,
    path: '',
    request: { method: 'POST', headers: { 'content-type': `multipart/form-data; boundary=${boundary}` }, body },
  }
}

const hashesOf = (bytes: Uint8Array): Pick<Upload, 'sha256' | 'integrity'> => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  integrity: integrityOf(bytes),
})
