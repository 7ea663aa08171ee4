// Builds what a published package runs: `dist/`, with all libraries in it that need not be installed beside, so that a start reads
// a dozen files in place of two thousand (docs/decisions/0020). A checkout runs `src/` as it is.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'
import { rolldown, type OutputChunk, type Plugin } from 'rolldown'

const root = import.meta.dirname
const dist = join(root, 'dist')

/** What is started or loaded by its file name: each has the place in dist/ that it has in src/. */
const ENTRIES = ['main', 'cli/main', 'server/worker', 'formats/npm/renderer', 'formats/pypi/renderer']

/** As docs/dependencies.md says: what is passed on has one of these. */
const LICENCES = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Apache-2.0']

type Manifest = {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

const readManifest = async (folder: string) =>
  JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest

/** Where a module of ours will be looked for, below src/ or dist/. */
const placeOf = (file: string): string => relative(join(root, 'src'), file).split(sep).join('/').replace(/\.ts$/, '')

/**
 * Modules that find their neighbours by `import.meta.url` end up in main.js, in another folder than their own: they are told
 * where that was.
 */
const placed = new Set<string>()
const placesAreKept: Plugin = {
  name: 'places-are-kept',
  transform: {
    filter: { code: 'import.meta.url' },
    handler(code, id) {
      if (!id.startsWith(join(root, 'src')) || ENTRIES.includes(placeOf(id))) return null
      placed.add(id)
      return { code: code.replaceAll('import.meta.url', `new URL('./${placeOf(id)}.js', import.meta.url).href`) }
    },
  },
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      const moved = chunk.type === 'chunk' && chunk.fileName !== 'main.js' ? chunk.moduleIds : []
      const lost = moved.filter((id) => placed.has(id))
      if (lost.length > 0) throw new Error(`${chunk.fileName} is not in the folder that ${lost.join(', ')} was told of`)
    }
  },
}

/** The folder of the package that a module is of; undefined for ours. */
function packageOf(id: string): string | undefined {
  const at = id.lastIndexOf(`node_modules${sep}`)
  if (at < 0) return undefined
  const start = at + `node_modules${sep}`.length
  const [first = '', second = ''] = id.slice(start).split(sep)
  return id.slice(0, start) + (first.startsWith('@') ? join(first, second) : first)
}

/** The licence of every package of which something is built in, as most of them ask for. */
async function noticesOf(chunks: readonly OutputChunk[]): Promise<string> {
  const folders = new Set(
    chunks.flatMap(({ moduleIds }) => moduleIds.flatMap((id) => packageOf(resolve(root, id)) ?? [])),
  )
  const notices = await Promise.all([...folders].toSorted().map(noticeOf))
  return ['Granary has parts of these packages built in.', ...notices].join(`\n\n${'-'.repeat(100)}\n\n`)
}

const LICENCE_FILES = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license', 'COPYING']

async function noticeOf(folder: string): Promise<string> {
  const { name, version, license = 'none' } = await readManifest(folder)
  if (!LICENCES.includes(license)) throw new Error(`${name} may not be passed on: its licence is ${license}`)
  const texts = await Promise.all(
    LICENCE_FILES.map((file) => readFile(join(folder, file), 'utf8').catch(() => undefined)),
  )
  return `${name} ${version} (${license})\n\n${texts.find((text) => text !== undefined)?.trim() ?? ''}`.trim()
}

const { dependencies = {} } = await readManifest(root)
await rm(dist, { recursive: true, force: true })
const bundle = await rolldown({
  cwd: root,
  input: Object.fromEntries(ENTRIES.map((entry) => [entry, join(root, 'src', `${entry}.ts`)])),
  platform: 'node',
  // Native code and files that are started by their names cannot be built in: what is not, is installed beside.
  external: Object.keys(dependencies).map((name) => new RegExp(`^${name}(/|$)`)),
  plugins: [placesAreKept],
})
const { output } = await bundle.write({
  dir: dist,
  format: 'esm',
  chunkFileNames: 'chunk-[hash].js',
  // Names stay, so that what an error says is of use.
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
})
const chunks = output.filter((each) => each.type === 'chunk')
await writeFile(join(dist, 'THIRD-PARTY-LICENSES.txt'), `${await noticesOf(chunks)}\n`)
