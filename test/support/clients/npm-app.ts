import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * An application of 300 packages, small in bytes: scopes, and four families with a binary per platform, of which three tell glibc
 * from musl. Its own dependencies are pinned, also because a mirror may lack some binaries of the newest versions, and npm writes
 * no lock file that it would install from then; what the others depend on moves, as in real life.
 */
const APP = {
  name: 'app',
  version: '1.0.0',
  private: true,
  dependencies: {
    '@fastify/static': '8.2.0',
    '@parcel/watcher': '2.5.1',
    esbuild: '0.25.10',
    eslint: '9.36.0',
    express: '5.1.0',
    fastify: '5.6.1',
    lightningcss: '1.30.1',
    mocha: '11.7.2',
    rollup: '4.64.9',
  },
}

/** Loads all of it, the binaries as well: each of the four families does something. */
const LOADS = `
  const { equal } = require('node:assert/strict')
  require('express')()
  require('fastify')().register(require('@fastify/static'), { root: __dirname })
  new (require('mocha'))()
  new (require('eslint').Linter)().verify('let a = 1', {})
  equal(typeof require('@parcel/watcher').subscribe, 'function')
  equal(require('esbuild').transformSync('let a: number = 1', { loader: 'ts' }).code, 'let a = 1;\\n')
  const { code } = require('lightningcss').transform({
    filename: 'a.css',
    code: Buffer.from('a { color: red }'),
    minify: true,
  })
  equal(code.toString(), 'a{color:red}')
  equal(typeof require('rollup').VERSION, 'string')
  console.log('loaded')
`

/** The arguments with which Node.js, started in the application's folder, prints `loaded`. */
export const LOAD_APP: readonly string[] = ['-e', LOADS]

export async function writeApp(project: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const [name, text] of Object.entries({ 'package.json': JSON.stringify(APP, null, 2), ...files }))
    await writeFile(join(project, name), text)
}

/** One package as it lies on the disk. */
export type Installed = {
  readonly name: string
  readonly version: string
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

/** Every package below `node_modules`, however the client lays them out (flat, `.pnpm`, `.deno`). */
export async function installedIn(project: string): Promise<readonly Installed[]> {
  const root = join(project, 'node_modules')
  const paths = (await readdir(root, { recursive: true })).filter((path) =>
    /(^|\/node_modules\/)(@[^/.][^/]*\/)?[^/.@][^/]*\/package\.json$/.test(path),
  )
  return Promise.all(paths.map(async (path) => JSON.parse(await readFile(join(root, path), 'utf8')) as Installed))
}

const libc = (): string =>
  (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header.glibcVersionRuntime === undefined
    ? 'musl'
    : 'glibc'

/** Packages that say that they are not for this machine. */
export function foreignTo(installed: readonly Installed[], heedsLibc: boolean): readonly string[] {
  const lacks = (wanted: readonly string[] | undefined, has: string) =>
    wanted !== undefined && !wanted.includes(has) && !wanted.some((one) => one.startsWith('!') && one !== `!${has}`)
  return installed
    .filter(
      ({ os, cpu, libc: wanted }) =>
        lacks(os, process.platform) ||
        lacks(cpu, process.arch) ||
        (heedsLibc && process.platform === 'linux' && lacks(wanted, libc())),
    )
    .map(({ name }) => name)
}

/** The families of binaries of which one for this machine is there, by the start of their names. */
export const binaryFamilies = (installed: readonly Installed[]): readonly string[] =>
  ['@esbuild/', '@parcel/watcher-', '@rollup/rollup-', 'lightningcss-'].filter((family) =>
    installed.some(({ name, os }) => name.startsWith(family) && os !== undefined),
  )
