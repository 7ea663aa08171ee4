import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Landed, PendingBlob } from '../../registry/blob-store.ts'
import type { Answer, RequestContext } from '../format.ts'
import { checkArchive, type CheckedArchive, type Claimed } from './archive-check.ts'
import type { AssetMetadata } from './asset-metadata.ts'
import { licenseOf, versionMetadata } from './core-metadata.ts'
import { isPlainFileName, kindOf, parseWheelName, versionTextOf } from './filename.ts'
import { parseName } from './name.ts'
import { pathOfDigest } from './path.ts'
import { readUploadForm, type UploadField, type UploadForm, type UploadLimits } from './upload-form.ts'
import { compareVersions, parseVersion, type Version } from './version.ts'

// The public index's upload form ("legacy" API), which every publishing client speaks. Parse, check, store the bytes, plan.

/** Takes one file: identical bytes again are fine, other bytes under its name are a conflict. */
export async function upload(context: RequestContext, limits: UploadLimits): Promise<Answer> {
  await using pending = new AsyncDisposableStack()
  const beginBlob = async (...digests: Parameters<typeof context.registry.beginBlob>) =>
    pending.use(await context.registry.beginBlob(...digests))
  const form = await readUploadForm(context.body, context.headers, {
    limits,
    onName: async (name) => context.registry.requirePublish(context.scope, parseName(name, null)),
    beginBlob: () => beginBlob(['sha512', 'md5', 'blake2b']),
  })
  const action = form.fields.get(':action') ?? 'file_upload'
  if (action !== 'file_upload') {
    return {
      kind: 'text',
      status: 410,
      body: `The action ${JSON.stringify(action.slice(0, 60))} is gone: only file_upload is served\n`,
    }
  }
  const { claimed, blob } = readClaims(form)
  const landed = await blob.finish()
  checkDigests(form.fields, landed)
  const archive = await checkArchive(claimed, blob)
  const sideCar = claimed.kind === 'wheel' ? await writeSideCar(beginBlob, archive.bytes) : undefined
  await publish(context, { form, claimed, blob, landed, archive, sideCar })
  return { kind: 'text', status: 200, body: 'OK\n' }
}

function invalid(message: string): never {
  throw new RegistryError('invalid', message)
}

// ----------------------------------------------------------------------------------------- what is claimed

function readClaims({ fields, file }: UploadForm): { readonly claimed: Claimed; readonly blob: PendingBlob } {
  if ((fields.get('protocol_version') ?? '1') !== '1') invalid('The only protocol_version is 1')
  if (!file) invalid('The upload has no file: it belongs into the field content')
  const name = parseName(fields.get('name') ?? invalid('The upload does not say the name of the package'), null)
  const kind = checkFileName(file.name, fields.get('filetype'))
  const version = versionOfFile(file.name, kind, name)
  const said = fields.get('version')
  if (said !== undefined && parseVersion(said)?.key !== version.key) {
    invalid(
      `The file name ${file.name} is of version ${version.text}, the form says ${JSON.stringify(said.slice(0, 60))}`,
    )
  }
  return { claimed: { file: file.name, kind, name, version }, blob: file.blob }
}

const FILE_TYPES = new Map<string, Claimed['kind']>([
  ['bdist_wheel', 'wheel'],
  ['sdist', 'sdist'],
])

function checkFileName(file: string, filetype: string | undefined): Claimed['kind'] {
  if (!isPlainFileName(file))
    invalid(`The file name ${JSON.stringify(file.slice(0, 120))} has a separator or a control character, or is no name`)
  const kind = kindOf(file)
  if (kind === undefined || !/\.(whl|tar\.gz|zip)$/.test(file))
    invalid(`${file} is neither a wheel (.whl) nor a source distribution (.tar.gz, .zip)`)
  if (filetype !== undefined && FILE_TYPES.get(filetype) !== kind) {
    invalid(`The extension of ${file} does not fit its filetype ${JSON.stringify(filetype.slice(0, 60))}`)
  }
  return kind === 'wheel' ? 'wheel' : 'sdist'
}

/** The version that the file name says; throws where it says another name, or none. */
function versionOfFile(file: string, kind: Claimed['kind'], name: PackageName): Version {
  if (kind === 'wheel' && parseWheelName(file)?.label !== null) {
    invalid(`${file} is no name of a wheel: name-version(-build)-python-abi-platform.whl`)
  }
  const said =
    versionTextOf(file, name) ?? invalid(`${file} is not a file name of ${name.name}: it starts with another name`)
  return (
    parseVersion(said) ?? (kind === 'wheel' ? parseVersion(said.replaceAll('_', '-')) : undefined) ?? noVersion(said)
  )
}

const noVersion = (said: string): never => invalid(`${JSON.stringify(said.slice(0, 60))} is no version (PEP 440)`)

const DIGESTS = [
  ['md5_digest', 'md5'],
  ['sha256_digest', 'sha256'],
  ['blake2_256_digest', 'blake2b'],
] as const

/** Clients send some of the three, in hexadecimal. Every one that came must be right. */
function checkDigests(fields: ReadonlyMap<UploadField, string>, { digests }: Landed): void {
  for (const [field, algorithm] of DIGESTS) {
    const declared = fields.get(field)?.trim().toLowerCase()
    if (!declared || declared === digests[algorithm]) continue
    invalid(
      `The ${field} is not that of the file: ${JSON.stringify(declared.slice(0, 128))} was sent, ${digests[algorithm]} arrived`,
    )
  }
}

// ------------------------------------------------------------------------------------------- what is stored

type Upload = {
  readonly form: UploadForm
  readonly claimed: Claimed
  readonly blob: PendingBlob
  readonly landed: Landed
  readonly archive: CheckedArchive
  readonly sideCar: { readonly blob: PendingBlob; readonly landed: Landed } | undefined
}

/** PEP 658: the metadata is served beside the wheel, byte for byte. */
async function writeSideCar(beginBlob: (digests: []) => Promise<PendingBlob>, bytes: Uint8Array) {
  const blob = await beginBlob([])
  await blob.write(bytes)
  return { blob, landed: await blob.finish() }
}

async function publish(
  context: RequestContext,
  { form, claimed, blob, landed, archive, sideCar }: Upload,
): Promise<void> {
  const { registry, scope } = context
  const { sha256, sha512, md5, blake2b } = landed.digests
  const metadata: AssetMetadata = {
    requiresPython: archive.metadata.first('Requires-Python') ?? null,
    filetype: form.fields.get('filetype') ?? null,
    pyversion: form.fields.get('pyversion') ?? null,
  }
  await registry.publish(scope, {
    name: claimed.name,
    version: await versionKeptFor(context, claimed),
    file: {
      asset: {
        file: claimed.file,
        size: landed.size,
        digests: { sha256, ...(sha512 && { sha512 }), ...(md5 && { md5 }), ...(blake2b && { blake2b }) },
        path: pathOfDigest(sha256, claimed.file),
        sideCar: sideCar ? { sha256: sideCar.landed.digests.sha256, size: sideCar.landed.size } : null,
        metadata: JSON.stringify(metadata),
      },
      blob,
      ...(sideCar && { sideCar: sideCar.blob }),
    },
    metadata: versionMetadata(archive.metadata),
    license: licenseOf(archive.metadata),
    tags: [],
    firstTag: null,
    mayAddFiles: true,
    // Publishing clients look for these words.
    conflictMessage: `File already exists (${JSON.stringify(claimed.file)}, with blake2_256 hash '${blake2b}').`,
  })
}

/**
 * A version is kept under its normal form, `1.0.0rc1`. Where an equal one is here already, `1.0` for `1.0.0`, the file joins
 * it under the spelling that came first: PEP 440 has them as one release.
 */
async function versionKeptFor(
  { registry, scope, deadline }: RequestContext,
  { name, version }: Claimed,
): Promise<string> {
  try {
    const { hosted } = await registry.readPackage(scope, name, { deadline, askUpstream: false })
    const equal = hosted.find(
      (held) => held.repository === scope.repository.name && compareVersions(held.version, version.text) === 0,
    )
    return equal?.version ?? version.text
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'not_found') return version.text
    throw error
  }
}
