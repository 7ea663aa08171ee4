import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clientHome, type ClientHome } from '../../test/support/clients/home.ts'
import { run } from '../../test/support/clients/run.ts'
import { benchProgram } from '../bench-program.ts'
import type { Peer } from '../peers/peer.ts'
import { ANY_REGISTRY, manifest, QUIET } from './project.ts'

// The clients that install, each in a home of its own with nothing in its cache.

const TIMEOUT_MS = 300_000

export type ClientName = 'npm ci' | 'npm install' | 'pnpm install'

export type Installed = {
  readonly seconds: number
  /** Used by the server meanwhile. */
  readonly cpuSeconds: number
  /** What was installed, `name@version` each, sorted. */
  readonly packages: readonly string[]
}

type Client = {
  run(home: ClientHome, project: string): Promise<void>
  listPackages(project: string): Promise<readonly string[]>
}

const npm = (...args: readonly string[]): Client => ({
  run: (home, project) => finish(home, project, 'npm', [...args, ...QUIET]),
  // npm's own record of what it put there.
  async listPackages(project) {
    const text = await readFile(join(project, 'node_modules', '.package-lock.json'), 'utf8')
    const { packages } = JSON.parse(text) as { packages: Record<string, { version: string; integrity: string }> }
    return Object.entries(packages).map(([path, { version, integrity }]) => `${path}@${version} ${integrity}`)
  },
})

const pnpm: Client = {
  async run(home, project) {
    const folders = [`--store-dir=${join(home.folder, 'store')}`, `--config.cache-dir=${join(home.folder, 'cache')}`]
    const args = ['install', '--ignore-scripts', '--reporter=append-only', '--no-frozen-lockfile', ...folders]
    await finish(home, project, process.execPath, [await benchProgram('pnpm/bin/pnpm.cjs'), ...args])
  },
  listPackages: async (project) =>
    (await readdir(join(project, 'node_modules', '.pnpm'))).filter((folder) => folder.includes('@')),
}

const CLIENTS: Readonly<Record<ClientName, Client>> = {
  'npm ci': npm('ci'),
  'npm install': npm('install', '--no-package-lock'),
  'pnpm install': pnpm,
}

async function finish(home: ClientHome, cwd: string, command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run(command, args, { cwd, env: home.env, timeout: TIMEOUT_MS })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed with ${code}:\n${stdout}${stderr}`)
}

/** Installs the project once, with an empty client cache. Throws where the client fails. */
export async function installFrom(peer: Peer, name: ClientName, lock: string): Promise<Installed> {
  await using home = await clientHome()
  const project = await home.project('install')
  await copyFile(manifest, join(project, 'package.json'))
  if (name === 'npm ci')
    await writeFile(join(project, 'package-lock.json'), lock.replaceAll(ANY_REGISTRY, peer.registry))
  const login = `registry=${peer.registry}\n${peer.registry.replace('http:', '')}:_authToken=${peer.token}\n`
  await writeFile(join(project, '.npmrc'), login)
  const before = peer.usage().cpuSeconds
  const began = performance.now()
  await CLIENTS[name].run(home, project)
  const seconds = (performance.now() - began) / 1000
  const cpuSeconds = peer.usage().cpuSeconds - before
  const packages = (await CLIENTS[name].listPackages(project)).toSorted()
  if (packages.length < FEWEST_PACKAGES) throw new Error(`${name} from ${peer.name}: ${packages.length} packages came`)
  return { seconds, cpuSeconds, packages }
}

/** The project has several hundred: with fewer something was left out. */
const FEWEST_PACKAGES = 500

/** The same from everybody, or what is compared is not the same work. */
export function requireSame(what: string, installed: readonly Installed[]): void {
  const [first, ...others] = installed
  for (const { packages } of others) {
    const [here, there] = [new Set(packages), new Set(first?.packages)]
    const odd = [...here, ...there].filter((each) => here.has(each) !== there.has(each))
    if (odd.length > 0) throw new Error(`${what}: not everybody gives the same, see ${odd.slice(0, 5).join(', ')}`)
  }
}
