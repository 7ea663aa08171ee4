import type { PackageName } from '../../registry/names.ts'
import type { PendingBlob } from '../../registry/blob-store.ts'
import { archiveSource, refuse, type ArchiveSource } from './archive-source.ts'
import { parseCoreMetadata, type CoreMetadataFile } from './core-metadata.ts'
import { findName } from './name.ts'
import { checkSdist } from './sdist-check.ts'
import { parseVersion, type Version } from './version.ts'
import { checkWheel } from './wheel-check.ts'

/** What the file's name, and the form, say that it is. */
export type Claimed = {
  readonly file: string
  readonly kind: 'wheel' | 'sdist'
  readonly name: PackageName
  readonly version: Version
}

export type CheckedArchive = {
  /** METADATA or PKG-INFO as it lies in the archive. */
  readonly bytes: Buffer
  readonly metadata: CoreMetadataFile
}

/** Reads an uploaded archive through and through. Throws `invalid`, saying what is wrong with it. */
export async function checkArchive(
  claimed: Claimed,
  blob: Pick<PendingBlob, 'read' | 'size'>,
): Promise<CheckedArchive> {
  const source = archiveSource(claimed.file, blob)
  if (!claimed.file.endsWith('.tar.gz')) await refuseTarHead(source)
  const bytes = claimed.kind === 'wheel' ? await wheelMetadata(source, claimed) : (await checkSdist(source)).metadata
  const metadata = parseCoreMetadata(bytes)
  for (const field of ['Metadata-Version', 'Name', 'Version']) {
    if (metadata.all(field).length !== 1) throw refuse(claimed.file, `its metadata does not say ${field} exactly once`)
  }
  refuseOther(claimed, 'metadata', metadata.first('Name') ?? '', metadata.first('Version') ?? '')
  return { bytes, metadata }
}

async function wheelMetadata(source: ArchiveSource, claimed: Claimed): Promise<Buffer> {
  const { metadata, distInfo } = await checkWheel(source)
  const dash = distInfo.lastIndexOf('-')
  refuseOther(claimed, '.dist-info folder', distInfo.slice(0, dash), distInfo.slice(dash + 1))
  return metadata
}

/** Wheels write `_` for `-` in versions, too (PEP 427). */
function refuseOther({ file, name, version }: Claimed, where: string, saidName: string, saidVersion: string): void {
  const said = parseVersion(saidVersion) ?? parseVersion(saidVersion.replaceAll('_', '-'))
  if (findName(saidName)?.key === name.key && said?.key === version.key) return
  throw refuse(
    file,
    `its ${where} says ${JSON.stringify(`${saidName} ${saidVersion}`.slice(0, 120))}, its file name ${name.name} ${version.text}`,
  )
}

/** A tar file has no magic at its start, but a checksum over its first 512 bytes: no zip file matches it by accident. */
async function refuseTarHead(source: ArchiveSource): Promise<void> {
  const head = Buffer.alloc(512)
  if ((await source.read(head, 0)) < head.length) return
  const declared = Number.parseInt(head.toString('latin1', 148, 156), 8)
  const sum = head.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  if (declared === sum) throw refuse(source.file, 'it is a tar file')
}
