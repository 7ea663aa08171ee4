import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Landed, PendingBlob } from '../../registry/blob-store.ts'
import type { PublishRequest } from '../../registry/publish.ts'
import type { Answer, RequestContext } from '../format.ts'
import { formatIntegrity } from './integrity.ts'
import { isObject, type JsonObject } from './json.ts'
import { requireAgreement } from './manifest-agreement.ts'
import { licenseOf } from './manifest.ts'
import { requireNewName } from './name.ts'
import { tarballFile } from './packument.ts'
import { readPublishBody } from './publish-body.ts'
import { readPublication, type Publication } from './publication.ts'
import { requestBytes } from './request-bytes.ts'
import { inspectTarball, type TarballContents } from './tarball-check.ts'
import { BUNDLES } from './versions.ts'

/** `npm publish`: the name is asked for first, then the bytes land unseen, and only what passes every check is published. */
export async function servePublish(name: PackageName, context: RequestContext, largestBody: number): Promise<Answer> {
  await context.registry.requirePublish(context.scope, name)
  await using received = new AsyncDisposableStack()
  let blob: PendingBlob | null = null
  const body = await readPublishBody(requestBytes(context.body, context.headers, largestBody), async () => {
    if (blob) throw new RegistryError('invalid', 'A publish has exactly one tarball')
    const begun = received.use(await context.registry.beginBlob(['sha512', 'sha384', 'sha1']))
    blob = begun
    return (bytes) => begun.write(bytes)
  })
  if (!blob) {
    throw new RegistryError(
      'method_not_allowed',
      'A publish brings a tarball: changing a published package this way is not supported here',
    )
  }
  const result = await context.registry.publish(context.scope, await checked(name, body, blob))
  return { kind: 'json', status: result.outcome === 'unchanged' ? 200 : 201, body: { ok: true, success: true } }
}

async function checked(
  name: PackageName,
  body: Awaited<ReturnType<typeof readPublishBody>>,
  blob: PendingBlob,
): Promise<PublishRequest> {
  const landed = await blob.finish()
  const publication = readPublication(body, name, landed)
  const contents = await inspectTarball(blob)
  requireAgreement(publication.manifest, contents)
  requireNewName(name)
  const { version, manifest, tags } = publication
  const { sha384: _sha384, ...digests } = landed.digests
  const asset = {
    file: tarballFile(name, version),
    size: landed.size,
    digests,
    path: null,
    sideCar: null,
    metadata: null,
  }
  return {
    name,
    version,
    file: { asset, blob },
    metadata: JSON.stringify(keptManifest(publication, contents, landed)),
    license: licenseOf(manifest),
    tags,
    firstTag: 'latest',
    mayAddFiles: false,
    conflictMessage: `You cannot publish over the previously published version ${version}.`,
  }
}

/** The manifest as it is stored: with what a registry adds, and without the address that the client made up for the tarball. */
function keptManifest(
  { version, manifest, readme, bundles }: Publication,
  contents: TarballContents,
  landed: Landed,
): JsonObject {
  // npm adds where it packed the tarball: paths of the publisher's machine are nobody's business.
  const { [BUNDLES]: _reserved, _resolved, _from, dist, ...kept } = manifest
  // Signatures and attestations are a registry's word, not a publisher's: npm gives up on a whole audit over one without a key.
  const { tarball: _tarball, signatures: _signed, attestations: _attested, ...declared } = isObject(dist) ? dist : {}
  const { sha512, sha1 } = landed.digests
  return {
    ...(readme !== null && { readme }),
    ...kept,
    _id: `${manifest['name'] as string}@${version}`,
    ...(contents.hasShrinkwrap && { _hasShrinkwrap: true }),
    dist: {
      ...declared,
      ...(sha512 !== undefined && { integrity: formatIntegrity('sha512', sha512) }),
      ...(sha1 !== undefined && { shasum: sha1 }),
      fileCount: contents.fileCount,
      unpackedSize: contents.unpackedSize,
    },
    ...(bundles.size > 0 && { [BUNDLES]: Object.fromEntries(bundles) }),
  }
}
