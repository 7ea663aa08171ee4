import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract, type Header } from 'tar-stream'
import {
  MAX_METADATA_BYTES,
  memberNameFault,
  readBounded,
  refuse,
  refuseBomb,
  type ArchiveSource,
} from './archive-source.ts'
import { readZip } from './zip-check.ts'

// packaging.python.org: source distribution format. One folder at the top, and PKG-INFO in it.

export type CheckedSdist = {
  /** PKG-INFO, verbatim. */
  readonly metadata: Buffer
}

/** Throws `invalid` for a file that is no sound source distribution. */
export async function checkSdist(source: ArchiveSource): Promise<CheckedSdist> {
  return source.file.endsWith('.zip') ? checkZip(source) : checkTarball(source)
}

async function checkZip(source: ArchiveSource): Promise<CheckedSdist> {
  const members = await readZip(source)
  const top = topFolder(
    source,
    members.filter((member) => !member.isFolder).map((member) => member.name),
  )
  let metadata: Buffer | undefined
  for (const member of members) {
    if (member.name === `${top}/PKG-INFO`)
      metadata = await readBounded(source, member.read(), 'PKG-INFO', MAX_METADATA_BYTES)
    else for await (const _ of member.read()); // to its end, where it is verified
  }
  if (!metadata) throw refuse(source.file, `its ${top}/PKG-INFO is missing`)
  return { metadata }
}

function topFolder(source: ArchiveSource, names: readonly string[]): string {
  const tops = new Set(names.map((name) => (name.includes('/') ? name.slice(0, name.indexOf('/')) : '')))
  const [top] = tops
  if (top === undefined || top === '' || tops.size > 1)
    throw refuse(source.file, 'a source distribution has exactly one folder at its top')
  return top
}

async function checkTarball(source: ArchiveSource): Promise<CheckedSdist> {
  try {
    await refuseZipTail(source)
    const members = await readTar(source)
    const top = topFolder(source, members.names)
    const metadata = members.pkgInfo.get(`${top}/PKG-INFO`)
    if (!metadata) throw refuse(source.file, `its ${top}/PKG-INFO is missing`)
    return { metadata }
  } catch (error) {
    throw source.refusal(error)
  }
}

type TarMembers = { readonly names: readonly string[]; readonly pkgInfo: ReadonlyMap<string, Buffer> }

async function readTar(source: ArchiveSource): Promise<TarMembers> {
  const gunzip = createGunzip()
  const tar = extract()
  const unpacking = pipeline(
    source.stream(0, source.size),
    gunzip,
    (chunks: AsyncIterable<Buffer>) => bounded(source, chunks),
    tar,
  )
  // Whoever reads the members hears of a failure first, or waits for this below.
  unpacking.catch((error: Error) => tar.destroy(error))
  const names = new Set<string>()
  const pkgInfo = new Map<string, Buffer>()
  for await (const entry of tar) {
    const name = checkMember(source, entry.header)
    if (name === null) entry.resume()
    else {
      if (names.has(name)) throw refuse(source.file, `it has two files named ${JSON.stringify(name)}`)
      names.add(name)
      if (/^[^/]+\/PKG-INFO$/.test(name))
        pkgInfo.set(name, await readBounded(source, entry as AsyncIterable<Uint8Array>, 'PKG-INFO', MAX_METADATA_BYTES))
      else entry.resume()
    }
  }
  await unpacking
  if (gunzip.bytesWritten !== source.size) throw refuse(source.file, 'it has trailing data')
  return { names: [...names], pkgInfo }
}

async function* bounded(source: ArchiveSource, chunks: AsyncIterable<Buffer>) {
  let unpacked = 0
  for await (const chunk of chunks) {
    unpacked += chunk.length
    refuseBomb(source, unpacked)
    yield chunk
  }
}

/** The plain name of a file or link; null for a folder. Links may not lead out of the archive's own folder. */
function checkMember(source: ArchiveSource, { name: raw, type, linkname }: Header): string | null {
  const name = raw.replace(/^\.\//, '')
  if (type === 'directory' && (name === '' || name === '.')) return null
  const fault = memberNameFault(name)
  if (fault !== null) throw refuse(source.file, fault)
  if (type === 'directory') return null
  if (type === 'symlink' || type === 'link') checkLink(source, name, type, linkname ?? '')
  else if (type !== 'file' && type !== 'contiguous-file') {
    throw refuse(source.file, `${JSON.stringify(name)} in it is neither a file nor a folder`)
  }
  return name
}

/** A symbolic link is relative to its own folder, a hard link to the archive's root. */
function checkLink(source: ArchiveSource, name: string, type: 'symlink' | 'link', target: string): void {
  const base = type === 'link' ? [] : name.split('/').slice(0, -1)
  const resolved = target.split('/').reduce<string[] | null>((path, part) => {
    if (part === '' || part === '.') return path
    if (part !== '..') return path && [...path, part]
    return path && path.length > 0 ? path.slice(0, -1) : null
  }, base)
  if (resolved === null || resolved[0] !== name.split('/')[0] || /^\/|^[A-Za-z]:|\\/.test(target)) {
    throw refuse(source.file, `the link ${JSON.stringify(name)} in it leads elsewhere`)
  }
}

const MAX_ZIP_COMMENT = 65_535

/** Zip readers look from the end: bytes that are a tarball to one program may not be a zip file to another. */
async function refuseZipTail(source: ArchiveSource): Promise<void> {
  const tail = Buffer.alloc(Math.min(source.size, 22 + MAX_ZIP_COMMENT))
  await source.read(tail, source.size - tail.length)
  for (let at = tail.indexOf('PK\x05\x06', 0, 'latin1'); at >= 0; at = tail.indexOf('PK\x05\x06', at + 1, 'latin1')) {
    if (at + 22 <= tail.length && at + 22 + tail.readUInt16LE(at + 20) === tail.length)
      throw refuse(source.file, 'it is a zip file as well')
  }
}
