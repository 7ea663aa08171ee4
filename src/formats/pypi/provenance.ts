import { createHash } from 'node:crypto'
import { RegistryError } from '../../registry/errors.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { wantsFresh } from './cache-control.ts'
import { provenanceForm } from './form.ts'

/** PEP 740. Nothing is signed or verified here: the document is the upstream's, byte by byte, of a file that the project page lists. */
export async function serveProvenance(
  context: RequestContext,
  name: PackageName,
  asked: { readonly version: string; readonly file: string },
): Promise<Answer> {
  const { registry, scope, deadline, headers, kept } = context
  const fresh = wantsFresh(headers)
  const { body } = await kept(name, provenanceForm(asked.version, asked.file), { encoding: 'identity', fresh })
  const { version, path } = JSON.parse(Buffer.from(body).toString()) as { version: string; path: string }
  const options = { deadline, whileRevalidating: !fresh, file: asked.file }
  const found = await registry.readVersionDocument(scope, name, version, path, options)
  if (found.from === 'here')
    throw new RegistryError('not_found', `${displayName(name)} ${version} was published without attestations`)
  const { bytes, stale } = found.document
  return {
    kind: 'kept',
    answer: {
      body: bytes,
      contentType: 'application/vnd.pypi.integrity.v1+json',
      etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}-i"`,
      encoding: 'identity',
      notice: null,
      lastModified: null,
      stale,
    },
    headers: { 'cache-control': 'private, no-cache' },
  }
}
