import { createHash } from 'node:crypto'
import { RegistryError, type ErrorCode } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { wantsFresh } from './cache-control.ts'
import { legacyForm } from './form.ts'
import { infoOfDocument, infoOfMetadata, type Info } from './info.ts'
import { isMirror } from './mirror.ts'
import { legacyJsonPath } from './upstream-documents.ts'
import { INFO_ENDS, INFO_OPENS, type BaseInfo } from './render-legacy-json.ts'

/**
 * The files are those of the project page. What more there is to say in `info` comes from the metadata of an upload, or of the upstream's
 * own JSON API, where it has one.
 */
export async function serveLegacyJson(
  context: RequestContext,
  name: PackageName,
  version: string | null,
): Promise<Answer> {
  const fresh = wantsFresh(context.headers)
  const forMirror = isMirror(context.headers)
  const form = legacyForm(version, forMirror ? 'mirror-json' : 'legacy-json')
  // Before anything is read: what happens meanwhile is later.
  const serial = context.registry.currentSerial()
  const answer = await context.kept(name, form, { encoding: 'identity', fresh })
  const rest = answer.body.indexOf(INFO_ENDS.charCodeAt(0))
  const base = JSON.parse(Buffer.from(answer.body.subarray(INFO_OPENS.length, rest)).toString()) as BaseInfo
  const { info, stale } = await readInfo(context, name, base.version)
  const opening = Buffer.from(INFO_OPENS + JSON.stringify(merged(info, base)))
  const etag = createHash('sha256').update(answer.etag).update(opening).digest('base64url').slice(0, 22)
  const encoded = await context.encode(Buffer.concat([opening, answer.body.subarray(rest)]))
  return {
    kind: 'kept',
    answer: {
      ...answer,
      ...encoded,
      etag: `"${etag}-${encoded.encoding[0]}"`,
      stale: answer.stale || stale,
      ...(forMirror && { headers: { ...answer.headers, 'x-pypi-last-serial': String(serial) } }),
    },
    headers: { 'cache-control': 'private, no-cache' },
  }
}

/** What the listing says counts, but for how the project spells its name. */
const merged = (info: Info, base: BaseInfo): Info => ({ ...info, ...base, name: info['name'] ?? base.name })

/** Of the request's thirty seconds: longer than ten nobody waits for these few lines. */
const LEFT_MS = 20_000
/** Clients come for the files: without `info` they have what they need. */
const DISPENSABLE: ReadonlySet<ErrorCode> = new Set(['not_found', 'upstream_down', 'upstream_slow'])

async function readInfo(
  { registry, scope, deadline, headers }: RequestContext,
  name: PackageName,
  version: string,
): Promise<{ readonly info: Info; readonly stale: boolean }> {
  try {
    const options = { deadline: deadline - LEFT_MS, whileRevalidating: !wantsFresh(headers) }
    const found = await registry.readVersionDocument(scope, name, version, legacyJsonPath(name, version), options)
    return found.from === 'here'
      ? { info: infoOfMetadata(found.version.metadata), stale: false }
      : { info: infoOfDocument(found.document.bytes, name), stale: found.document.stale }
  } catch (error) {
    if (error instanceof RegistryError && DISPENSABLE.has(error.code))
      return { info: infoOfMetadata(null), stale: false }
    throw error
  }
}
