import { createHash } from 'node:crypto'
import { MAX_METADATA_BYTES, readBounded, refuse, type ArchiveSource } from './archive-source.ts'
import { readZip, type ZipMember } from './zip-check.ts'

// packaging.python.org: binary distribution format. One `*.dist-info` folder with METADATA, WHEEL and RECORD, and RECORD
// lists every file there is, with its digest: what an installer would unpack is what the build recorded.

const MAX_RECORD_BYTES = 64 * 1024 * 1024

export type CheckedWheel = {
  /** `*.dist-info/METADATA`, verbatim. */
  readonly metadata: Buffer
  /** `name-version`, of the dist-info folder. */
  readonly distInfo: string
}

/** Throws `invalid` for a file that is no sound wheel. */
export async function checkWheel(source: ArchiveSource): Promise<CheckedWheel> {
  const members = new Map(
    (await readZip(source)).filter((member) => !member.isFolder).map((member) => [member.name, member]),
  )
  const folders = new Set([...members.keys()].flatMap((name) => /^([^/]+\.dist-info)\//.exec(name)?.[1] ?? []))
  const [folder] = folders
  if (folder === undefined || folders.size > 1) throw refuse(source.file, 'a wheel has exactly one .dist-info folder')
  const read = (name: string, limit: number): Promise<Buffer> => {
    const member = members.get(`${folder}/${name}`)
    if (!member) throw refuse(source.file, `its ${folder}/${name} is missing`)
    return readBounded(source, member.read(), name, limit)
  }
  const metadata = await read('METADATA', MAX_METADATA_BYTES)
  await read('WHEEL', MAX_METADATA_BYTES)
  const record = parseRecord((await read('RECORD', MAX_RECORD_BYTES)).toString('utf8'))
  await checkRecord(source, members, record, folder)
  return { metadata, distInfo: folder.slice(0, -'.dist-info'.length) }
}

type RecordedDigest = { readonly algorithm: string; readonly digest: string } | null

/** Lines of CSV: path,algorithm=digest,size. The digest is URL-safe base64 without padding. */
function parseRecord(text: string): ReadonlyMap<string, RecordedDigest> {
  const record = new Map<string, RecordedDigest>()
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === '') continue
    const [, quoted, plain, hash = ''] = /^(?:"((?:[^"]|"")*)"|([^,]*))(?:,([^,]*))?/.exec(line) ?? []
    const path = quoted?.replaceAll('""', '"') ?? plain ?? ''
    const [algorithm = '', ...digest] = hash.split('=')
    record.set(
      path,
      hash === '' ? null : { algorithm: algorithm.toLowerCase(), digest: digest.join('=').replace(/=+$/, '') },
    )
  }
  return record
}

/** RECORD cannot list itself by digest, and signatures are made after it. */
const UNRECORDED = ['RECORD', 'RECORD.jws', 'RECORD.p7s']
const ALGORITHMS = ['sha256', 'sha384', 'sha512']

async function checkRecord(
  source: ArchiveSource,
  members: ReadonlyMap<string, ZipMember>,
  record: ReadonlyMap<string, RecordedDigest>,
  folder: string,
): Promise<void> {
  const unrecorded = new Set(UNRECORDED.map((name) => `${folder}/${name}`))
  for (const path of record.keys()) {
    if (!members.has(path) && !unrecorded.has(path))
      throw refuse(source.file, `its RECORD lists ${JSON.stringify(path)}, which is not in it`)
  }
  for (const [path, member] of members) {
    if (unrecorded.has(path)) continue
    const recorded = record.get(path)
    if (recorded === undefined) throw refuse(source.file, `its RECORD does not list ${JSON.stringify(path)}`)
    await checkMember(source, member, recorded)
  }
}

/** Reads the member to its end either way: its own checksum and length are verified by that. */
async function checkMember(source: ArchiveSource, member: ZipMember, recorded: RecordedDigest): Promise<void> {
  const known = recorded && ALGORITHMS.includes(recorded.algorithm)
  const hash = createHash(known ? recorded.algorithm : 'sha256')
  for await (const chunk of member.read()) hash.update(chunk)
  if (known && hash.digest('base64url') !== recorded.digest) {
    throw refuse(source.file, `${JSON.stringify(member.name)} in it is not what its RECORD says`)
  }
}
