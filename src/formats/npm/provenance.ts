import { createHash } from 'node:crypto'
import { RegistryError } from '../../registry/errors.ts'
import type { PackageVersion } from '../../registry/model.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { wantsFresh } from './accept.ts'
import { isObject, type JsonObject } from './json.ts'
import { attestationsPath, KEYS_PATH, readKeys, type Key } from './upstream-documents.ts'
import { BUNDLES } from './versions.ts'

// What `npm audit signatures` verifies with. Nothing is signed here: the keys are those of the registries that this repository draws
// from, and so are the attestations, but for those that came with a publish.

/** The keys of all connections along the way, in the order in which they are searched: of two with one id the first counts. */
export async function serveKeys(context: RequestContext): Promise<Answer> {
  const documents = await context.registry.readConnectionDocuments(context.scope, 'npm', KEYS_PATH, optionsOf(context))
  const keys = new Map<string, Key>()
  for (const { bytes } of documents)
    for (const key of readKeys(bytes)) if (!keys.has(key.keyid)) keys.set(key.keyid, key)
  // npm takes this for "packages from here are not signed", and says nothing about them.
  if (keys.size === 0)
    throw new RegistryError('not_found', 'This repository draws from no registry that signs its packages')
  const body = Buffer.from(JSON.stringify({ keys: [...keys.values()] }))
  return documentAnswer(
    body,
    documents.some(({ stale }) => stale),
  )
}

/** As the upstream sent them, byte by byte; or made of the bundles that a publish brought. */
export async function serveAttestations(name: PackageName, version: string, context: RequestContext): Promise<Answer> {
  const path = attestationsPath(name, version)
  const found = await context.registry.readVersionDocument(context.scope, name, version, path, optionsOf(context))
  if (found.from === 'upstream') return documentAnswer(found.document.bytes, found.document.stale)
  const attestations = attestationsOf(found.version)
  if (attestations.length === 0)
    throw new RegistryError('not_found', `${displayName(name)} ${version} was published without attestations`)
  return documentAnswer(Buffer.from(JSON.stringify({ attestations })), false)
}

const optionsOf = ({ deadline, headers }: RequestContext) => ({
  deadline,
  whileRevalidating: !wantsFresh(headers['cache-control']),
})

function attestationsOf({ metadata }: PackageVersion): readonly JsonObject[] {
  const manifest: unknown = JSON.parse(metadata ?? '{}')
  const bundles = isObject(manifest) ? manifest[BUNDLES] : undefined
  return Object.values(isObject(bundles) ? bundles : {}).flatMap((text) => {
    const bundle = typeof text === 'string' ? parsed(text) : undefined
    const predicateType = isObject(bundle) ? predicateTypeOf(bundle) : undefined
    return predicateType === undefined ? [] : [{ predicateType, bundle }]
  })
}

/** What an in-toto statement, the payload of a Sigstore bundle, says about its subject. */
function predicateTypeOf({ dsseEnvelope }: JsonObject): string | undefined {
  const payload = isObject(dsseEnvelope) ? dsseEnvelope['payload'] : undefined
  const statement = typeof payload === 'string' ? parsed(Buffer.from(payload, 'base64').toString('utf8')) : undefined
  const type = isObject(statement) ? statement['predicateType'] : undefined
  return typeof type === 'string' ? type : undefined
}

/** undefined for what is no JSON: publishers attach what they like. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const documentAnswer = (body: Uint8Array, stale: boolean): Answer => ({
  kind: 'kept',
  answer: {
    body,
    contentType: 'application/json',
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}-i"`,
    encoding: 'identity',
    notice: null,
    lastModified: null,
    stale,
  },
  headers: { 'cache-control': 'private, no-cache' },
})
