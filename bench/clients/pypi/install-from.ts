import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { clientHome, type ClientHome } from '../../../test/support/clients/home.ts'
import { run } from '../../../test/support/clients/run.ts'
import { sha256 } from '../../made-up.ts'
import type { PypiPeer } from '../../peers/pypi/peer.ts'
import { pythonProgram } from '../../python-program.ts'
import type { Installed } from '../install-from.ts'

// pip and uv, each in a home of its own with nothing in its cache, into a virtual environment of its own.

const TIMEOUT_MS = 300_000

/** What is installed: what an application needs directly, with its versions. */
const requirements = resolve(import.meta.dirname, '../../install/requirements.txt')

export type PypiClientName = 'uv pip install' | 'pip install'

/** Only wheels: to build others takes the client's time, not the index's. */
const WHEELS_ONLY = ['--quiet', '--only-binary=:all:', '--requirement', requirements]

type Command = (python: string) => readonly [program: string, ...args: string[]]

const CLIENTS: Readonly<Record<PypiClientName, Command>> = {
  'uv pip install': (python) => ['uv', 'pip', 'install', '--python', python, ...WHEELS_ONLY],
  'pip install': (python) => ['pip', '--python', python, 'install', '--no-compile', ...WHEELS_ONLY],
}

/** The index as its user would write it down, with what lets them in. */
function indexUrl({ registry, user, token }: PypiPeer): string {
  const url = new URL(registry)
  if (user !== undefined) [url.username, url.password] = [user, token]
  return url.href
}

async function finish(home: ClientHome, peer: PypiPeer, [name, ...args]: ReturnType<Command>): Promise<void> {
  const program = await pythonProgram('clients', name)
  const index = indexUrl(peer)
  const env = { ...home.env, UV_DEFAULT_INDEX: index, UV_NO_CONFIG: '1', PIP_INDEX_URL: index }
  const { code, stdout, stderr } = await run(program, args, { cwd: home.folder, env, timeout: TIMEOUT_MS })
  if (code !== 0)
    throw new Error(`${name} ${args.join(' ')} from ${peer.name} failed with ${code}:\n${stdout}${stderr}`)
}

/** Installs the application once. Throws where the client fails. */
export async function installPypiFrom(peer: PypiPeer, name: PypiClientName): Promise<Installed> {
  await using home = await clientHome()
  const environment = join(await home.project('app'), 'venv')
  const made = await run(await pythonProgram('clients', 'python'), ['-m', 'venv', '--without-pip', environment], {
    cwd: home.folder,
    env: home.env,
  })
  if (made.code !== 0) throw new Error(`no virtual environment could be made:\n${made.stderr}`)
  const command = CLIENTS[name](join(environment, 'bin', 'python'))
  const before = peer.usage().cpuSeconds
  const began = performance.now()
  await finish(home, peer, command)
  const seconds = (performance.now() - began) / 1000
  const cpuSeconds = peer.usage().cpuSeconds - before
  const packages = (await listPackages(environment)).toSorted()
  if (packages.length < FEWEST_PACKAGES) throw new Error(`${name} from ${peer.name}: ${packages.length} packages came`)
  return { seconds, cpuSeconds, packages }
}

/** The application has a hundred: with fewer something was left out. */
const FEWEST_PACKAGES = 90

/** `name-version` and the digest of its metadata, of each. */
async function listPackages(environment: string): Promise<readonly string[]> {
  const [version = ''] = await readdir(join(environment, 'lib'))
  const packages = join(environment, 'lib', version, 'site-packages')
  const installed = (await readdir(packages)).filter((name) => name.endsWith('.dist-info'))
  return Promise.all(
    installed.map(async (info) => {
      const metadata = await readFile(join(packages, info, 'METADATA'))
      return `${info.replace('.dist-info', '')} ${sha256(metadata)}`
    }),
  )
}
