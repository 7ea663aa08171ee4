import { createHash } from 'node:crypto'
import type { TestRegistry } from './server.ts'

/** What a client uploads: one file, and what the form says about it. */
export type PypiUpload = {
  readonly name: string
  readonly version: string
  readonly file: string
  readonly bytes: Uint8Array
  /** Over the form's own fields. */
  readonly fields?: Readonly<Record<string, string>>
}

/** Uploads as twine does. */
export async function uploadPypi(
  registry: Pick<TestRegistry, 'fetch'>,
  upload: PypiUpload,
  { token, repository = 'main' }: { readonly token?: string | null; readonly repository?: string } = {},
): Promise<{ readonly status: number; readonly reason: string; readonly text: string }> {
  const fields = {
    ':action': 'file_upload',
    protocol_version: '1',
    metadata_version: '2.1',
    name: upload.name,
    version: upload.version,
    filetype: upload.file.endsWith('.whl') ? 'bdist_wheel' : 'sdist',
    sha256_digest: createHash('sha256').update(upload.bytes).digest('hex'),
    ...upload.fields,
  }
  const boundary = 'the-boundary-of-an-upload'
  const parts = Object.entries(fields).map(
    ([field, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`,
  )
  // Written by hand: FormData would escape what a file name must not have.
  const file = `--${boundary}\r\nContent-Disposition: form-data; name="content"; filename="${upload.file}"\r\nContent-Type: application/octet-stream\r\n\r\n`
  const response = await registry.fetch(`/pypi/local/${repository}/`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(parts.join('') + file), upload.bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
    ...(token !== undefined && { token }),
  })
  return { status: response.status, reason: response.statusText, text: await response.text() }
}
