import { promisify } from 'node:util'
import { constants, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { inOnePiece } from './zstd-frame.ts'
import type { IndexFacts, IndexFile, IndexVersion, PackedFacts } from './model.ts'

// Facts of an index as they are kept and handed around: JSON text in zstd, each version and each file on a line of its own.
// Those of a package with ten thousand versions are megabytes: to parse them, or to copy them from thread to thread as objects,
// takes tens of milliseconds in which nobody else is served. Whoever wants one file or one version finds its line instead
// (a millisecond), and who wants all of them is in a worker thread.

const decompress = promisify(zstdDecompress)

/** In a worker thread, or for small ones. */
export const packFacts = (facts: IndexFacts): PackedFacts =>
  new Uint8Array(zstdCompressSync(inLines(facts), { params: { [constants.ZSTD_c_compressionLevel]: 3 } }))

function inLines({ serial, versions, files, lackSideCars = [] }: IndexFacts): string {
  // INVARIANT: what a line is found by comes first in it, spelled as JSON.stringify spells it.
  const ofVersions = versions.map(({ version, ...rest }) => JSON.stringify({ version, ...rest }))
  const ofFiles = files.map(({ file, ...rest }) => JSON.stringify({ file, ...rest }))
  const lacking = lackSideCars.length > 0 ? `"lackSideCars":${JSON.stringify(lackSideCars)},` : ''
  return `{"serial":${serial},${lacking}"versions":[\n${ofVersions.join(',\n')}\n],"files":[\n${ofFiles.join(',\n')}\n]}`
}

/** All of them. In a worker thread, or for small ones. */
export const unpackFacts = (packed: PackedFacts): IndexFacts =>
  JSON.parse(zstdDecompressSync(packed, inOnePiece(packed)).toString('utf8')) as IndexFacts

/** The file that the index offers under the name, in the layout at this path where one is given, and its version. */
export async function findFile(
  packed: PackedFacts,
  { file, path }: { readonly file: string; readonly path?: string },
): Promise<{ readonly file: IndexFile; readonly version: IndexVersion | undefined } | undefined> {
  const text = await textOf(packed)
  const found = find<IndexFile>(text, 'file', file, (candidate) => path === undefined || candidate.path === path)
  return found && { file: found, version: find<IndexVersion>(text, 'version', found.version) }
}

/** Those files that the index offers under one of the names. One look at each line: 3 ms for ten thousand files. */
export async function findFiles(packed: PackedFacts, names: ReadonlySet<string>): Promise<readonly IndexFile[]> {
  if (names.size === 0) return []
  const text = await textOf(packed)
  const spelled = new Set([...names].map((name) => JSON.stringify(name)))
  const found: IndexFile[] = []
  for (let at = text.indexOf(FILE); at >= 0; at = text.indexOf(FILE, at + 1)) {
    const from = at + FILE.length
    const end = endOfString(text, from)
    if (spelled.has(text.toString('utf8', from, end))) found.push(lineAt<IndexFile>(text, at))
  }
  return found
}

/** `IndexFacts.lackSideCars`: it stands in the first line. */
export async function listLackingSideCars(packed: PackedFacts): Promise<readonly string[]> {
  const text = await textOf(packed)
  const first = text.toString('utf8', 0, text.indexOf(LINE_BREAK))
  return (JSON.parse(`${first}]}`) as IndexFacts).lackSideCars ?? []
}

export const findVersion = async (packed: PackedFacts, version: string): Promise<IndexVersion | undefined> =>
  find<IndexVersion>(await textOf(packed), 'version', version)

export const hasVersion = async (packed: PackedFacts, version: string): Promise<boolean> =>
  (await findVersion(packed, version)) !== undefined

/** The versions that are not the same on both sides, as each has them. */
export async function differingVersions(
  before: PackedFacts,
  after: PackedFacts,
): Promise<{ readonly before: readonly IndexVersion[]; readonly after: readonly IndexVersion[] }> {
  const [old, now] = [versionLines(await textOf(before)), versionLines(await textOf(after))]
  const without = (lines: ReadonlySet<string>, others: ReadonlySet<string>) =>
    [...lines].filter((line) => !others.has(line)).map((line) => JSON.parse(line) as IndexVersion)
  return { before: without(old, now), after: without(now, old) }
}

export const countVersions = async (packed: PackedFacts): Promise<number> => versionLines(await textOf(packed)).size

/** Two hundred clients that ask for files of one package unpack its facts once: for as long as somebody holds them packed. */
const texts = new WeakMap<PackedFacts, Promise<Buffer>>()

function textOf(packed: PackedFacts): Promise<Buffer> {
  const known = texts.get(packed)
  if (known) return known
  const text = decompress(packed, inOnePiece(packed)).then(withLines)
  texts.set(packed, text)
  text.catch(() => texts.delete(packed))
  return text
}

function versionLines(text: Buffer): ReadonlySet<string> {
  const end = text.indexOf('\n],"files":[')
  const lines = text.toString('utf8', text.indexOf(LINE_BREAK) + 1, end).split(/,?\n/)
  return new Set(lines.filter((line) => line !== ''))
}

const FILE = '\n{"file":'
const LINE_BREAK = 0x0a
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c

/** Facts that an earlier version of this program kept are one long line. */
const withLines = (text: Buffer): Buffer =>
  text.includes(LINE_BREAK) ? text : Buffer.from(inLines(JSON.parse(text.toString('utf8')) as IndexFacts))

/** No text within JSON holds a line break as such, so that what is looked for is found at the beginnings of lines only. */
function find<Line>(
  text: Buffer,
  member: 'file' | 'version',
  value: string,
  isMeant: (line: Line) => boolean = () => true,
): Line | undefined {
  const start = `\n{"${member}":${JSON.stringify(value)}`
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
    const line = lineAt<Line>(text, at)
    if (isMeant(line)) return line
  }
  return undefined
}

/** The line after the line break at `at`. */
function lineAt<Line>(text: Buffer, at: number): Line {
  const end = text.indexOf(LINE_BREAK, at + 1)
  return JSON.parse(text.toString('utf8', at + 1, text[end - 1] === COMMA ? end - 1 : end)) as Line
}

/** Past the closing quote of the JSON string that begins at `from`. */
function endOfString(text: Buffer, from: number): number {
  let at = from + 1
  while (text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return at + 1
}
