import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { packTarball, type ArchiveFiles } from './tarball.ts'

/** What core metadata says of a distribution, and which modules it brings. */
export type Distribution = {
  readonly name: string
  readonly version: string
  readonly requiresPython?: string
  readonly requiresDist?: readonly string[]
  readonly license?: string
  readonly summary?: string
  /** Modules by path: `{ 'hello/__init__.py': '...' }`. A package that says its version where left out. */
  readonly files?: ArchiveFiles
  /** Of a wheel: `cp312-cp312-linux_x86_64`, behind a build number where it has one; for any machine where left out. */
  readonly tags?: string
}

export type BuiltFile = { readonly file: string; readonly bytes: Buffer; readonly metadata: Buffer }

/** The name as it stands in file names: PEP 427 and PEP 625 write `_` for every run of `-_.`. */
const fileStem = (name: string): string => name.replace(/[-_.]+/g, '_').toLowerCase()

/** A wheel of Python modules that pip and uv install, whatever machines its tags say that it is for. */
export function buildWheel(distribution: Distribution): BuiltFile {
  const { name, version, tags = 'py3-none-any' } = distribution
  const info = `${fileStem(name)}-${version}.dist-info`
  const metadata = coreMetadata(distribution)
  const files: Record<string, Buffer> = {}
  for (const [path, content] of Object.entries(modulesOf(distribution))) files[path] = Buffer.from(content)
  files[`${info}/METADATA`] = metadata
  files[`${info}/WHEEL`] = Buffer.from(
    `Wheel-Version: 1.0\nGenerator: granary-tests\nRoot-Is-Purelib: true\nTag: ${tags}\n`,
  )
  const lines = Object.entries(files).map(([path, bytes]) => `${path},sha256=${digest(bytes)},${bytes.length}`)
  files[`${info}/RECORD`] = Buffer.from([...lines, `${info}/RECORD,,`, ''].join('\n'))
  return { file: `${fileStem(name)}-${version}-${tags}.whl`, bytes: storeZip(files), metadata }
}

/** A source distribution (PEP 625) that names setuptools as its build backend. */
export async function buildSdist(distribution: Distribution): Promise<BuiltFile> {
  const folder = `${fileStem(distribution.name)}-${distribution.version}`
  const metadata = coreMetadata(distribution)
  const bytes = await packTarball(folder, {
    ...modulesOf(distribution),
    'PKG-INFO': metadata,
    'pyproject.toml': [
      '[build-system]',
      'requires = ["setuptools"]',
      'build-backend = "setuptools.build_meta"',
      '[project]',
      `name = ${JSON.stringify(distribution.name)}`,
      `version = ${JSON.stringify(distribution.version)}`,
      '',
    ].join('\n'),
  })
  return { file: `${folder}.tar.gz`, bytes, metadata }
}

function modulesOf({ name, version, files }: Distribution): ArchiveFiles {
  return files ?? { [`${fileStem(name)}/__init__.py`]: `__version__ = ${JSON.stringify(version)}\n` }
}

function coreMetadata(distribution: Distribution): Buffer {
  const lines = ['Metadata-Version: 2.1', `Name: ${distribution.name}`, `Version: ${distribution.version}`]
  if (distribution.summary) lines.push(`Summary: ${distribution.summary}`)
  if (distribution.license) lines.push(`License: ${distribution.license}`)
  if (distribution.requiresPython) lines.push(`Requires-Python: ${distribution.requiresPython}`)
  for (const requirement of distribution.requiresDist ?? []) lines.push(`Requires-Dist: ${requirement}`)
  return Buffer.from(`${lines.join('\n')}\n`)
}

// RECORD wants urlsafe base64 without padding (PEP 376, PEP 427).
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64url')

const DOS_DATE_1980 = 0x21

/** A zip of stored (uncompressed) entries: local headers with their data, the central directory, its end record. */
export function storeZip(files: ArchiveFiles): Buffer {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  for (const [path, content] of Object.entries(files)) {
    const name = Buffer.from(path)
    const data = Buffer.from(content)
    const common = Buffer.alloc(26) // from "version needed" to "extra length": the same in both headers
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x0800, 2) // names are UTF-8
    common.writeUInt16LE(DOS_DATE_1980, 8)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, data])
    const tail = Buffer.alloc(14) // comment length, disk, internal and external attributes, offset
    tail.writeUInt32LE((0o100644 << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), Buffer.from([20, 3]), common, tail, name]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(centrals)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(centrals.length, 8)
  end.writeUInt16LE(centrals.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directory, end])
}
