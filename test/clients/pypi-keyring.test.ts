import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ClientHome } from '../support/clients/home.ts'
import { homeWithPypi, requirePypiClient, type PypiClientName } from '../support/clients/pypi-clients.ts'
import { NEW_VENV, pdmFile, poetryFile } from '../support/clients/python-projects.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { run } from '../support/clients/run.ts'
import { readTree, startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// Python's library `keyring` with the backend that `granary login keyring` writes: clients that ask the library need no other login.

const GRANARY = [process.execPath, join(import.meta.dirname, '../../bin/granary.js')] as const

let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  pypi = await startPypiUpstream()
  await pypi.publish({ name: 'from-outside', version: '1.0.0' })
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  await pypi?.[Symbol.asyncDispose]()
})

const endpoint = () => `${registry.url}/pypi/local/main/`
type Env = Readonly<Record<string, string>>

const say = (home: ClientHome, cwd: string, [program = '', ...args]: readonly string[], env: Env = {}) =>
  run(program, args, { cwd, env: { ...home.env, ...env } })

async function succeed(home: ClientHome, cwd: string, command: readonly string[], env: Env = {}): Promise<string> {
  const ended = await say(home, cwd, command, env)
  const said = ended.stdout + ended.stderr
  expect(ended, `${command.join(' ')}\n${said}`).toMatchObject({ code: 0 })
  expect(said).not.toContain('eyJ')
  return said
}

/** A user whose access key lies where the AWS CLI has it. */
async function homeWith(name: PypiClientName, venv: string): Promise<ClientHome> {
  const home = await homeWithPypi(name, venv)
  const { accessKeyId, secretAccessKey } = registry.admin.key
  await mkdir(join(home.folder, '.aws'))
  await writeFile(
    join(home.folder, '.aws/credentials'),
    `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  )
  return home
}

const logIn = (home: ClientHome, env: Env = {}) =>
  say(home, home.folder, [...GRANARY, 'login', 'keyring'], { GRANARY_URL: registry.url, ...env })

async function loggedIn(name: PypiClientName, venv: string): Promise<ClientHome> {
  const home = await homeWith(name, venv)
  const ended = await logIn(home)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return home
}

async function expectInstalled(home: ClientHome, project: string): Promise<void> {
  const program = 'import from_outside; print(from_outside.__version__)'
  expect(await succeed(home, project, ['.venv/bin/python', '-c', program])).toBe('1.0.0\n')
  for (const { path, bytes } of await readTree(home.folder))
    if (!path.includes('/.venv/')) expect(bytes.includes('eyJhbGciOiJFZERTQSI'), path).toBe(false)
  expect(registry.log.filter(({ reason }) => /token is not valid/.test(String(reason)))).toEqual([])
}

/** The folder of an environment's packages, of the library among them. */
const packagesOf = async (home: ClientHome, venv: string): Promise<string> =>
  (await succeed(home, home.folder, [join(venv, 'bin/python'), '-c', 'import keyring; print(keyring.__path__[0])']))
    .trim()
    .replace(/\/keyring$/, '')

it.for([
  ['import', (packages: string): Env => ({ PYTHONPATH: packages })],
  ['subprocess', (packages: string): Env => ({ PATH: join(packages, '../../../bin') })],
] as const)('pip gets its token with --keyring-provider %s', async ([provider, find], context) => {
  await using home = await loggedIn('pip-26', await requirePypiClient(context, 'pip-26'))
  const found = find(await packagesOf(home, await requirePypiClient(context, 'poetry')))
  const project = await home.project('app')
  await succeed(home, project, NEW_VENV)
  const index = `${endpoint().replace('://', '://aws@')}simple/`
  const env = { ...found, ...(found['PATH'] !== undefined && { PATH: `${home.env['PATH']}:${found['PATH']}` }) }
  const install = ['pip', 'install', '--keyring-provider', provider, '--index-url', index, 'from-outside']
  await succeed(home, project, install, env)
  await expectInstalled(home, project)
})

it('Poetry gets its token, to install and to publish', async (context) => {
  await using home = await loggedIn('poetry', await requirePypiClient(context, 'poetry'))
  const project = await home.project('app')
  await writeFile(join(project, 'pyproject.toml'), poetryFile('from-outside', `${endpoint()}simple/`))
  await succeed(home, project, ['poetry', 'install'])
  await expectInstalled(home, project)
  const wheel = buildWheel({ name: 'acme-ring', version: '1.0.0' })
  await mkdir(join(project, 'dist'))
  await writeFile(join(project, 'dist', wheel.file), wheel.bytes)
  await writeFile(join(project, 'pyproject.toml'), `[project]\nname = "acme-ring"\nversion = "1.0.0"\n`)
  const env = { POETRY_REPOSITORIES_GRANARY_URL: endpoint() }
  await succeed(home, project, ['poetry', 'publish', '--repository', 'granary'], env)
  expect((await registry.fetch('/pypi/local/main/simple/acme-ring/')).status).toBe(200)
})

it('twine gets its token, and uploads once more', async (context) => {
  const twine = await requireClient(context, 'twine')
  await using home = await loggedIn('pip-26', await requirePypiClient(context, 'pip-26'))
  const wheel = buildWheel({ name: 'acme-twine', version: '1.0.0' })
  await writeFile(join(home.folder, wheel.file), wheel.bytes)
  for (const _ of [1, 2]) {
    const uploaded = await twine(home, ['upload', '--non-interactive', '--repository-url', endpoint(), wheel.file])
    expect(uploaded, uploaded.stdout + uploaded.stderr).toMatchObject({ code: 0 })
  }
})

it('PDM gets its token from the program that the library brings along', async (context) => {
  await using home = await loggedIn('pdm', await requirePypiClient(context, 'pdm'))
  const path = `${home.env['PATH']}:${join(await requirePypiClient(context, 'poetry'), 'bin')}`
  const project = await home.project('app')
  await writeFile(join(project, 'pyproject.toml'), pdmFile('from-outside'))
  await succeed(home, project, ['pdm', 'install'], { PDM_PYPI_URL: `${endpoint()}simple/`, PATH: path })
  await expectInstalled(home, project)
})

const RING = `
from keyring import backend
class Ring(backend.KeyringBackend):
    priority = 5
    def get_password(self, service, username):
        return "kept-for-" + service
    def set_password(self, service, username, password):
        print("keeps", service, username, password)
`

it('other keyrings are asked for everything else, and a server that says no is no other keyring', async (context) => {
  const venv = await requirePypiClient(context, 'poetry')
  await using home = await loggedIn('poetry', venv)
  const python = (program: string, env: Env = {}) =>
    succeed(home, home.folder, [join(venv, 'bin/python'), '-c', `import keyring\n${program}`], env)
  const keep = `try: keyring.set_password("other", "me", "x")\nexcept keyring.errors.PasswordSetError as error: print(error)`
  expect(await python('print(keyring.get_password("https://other.example/pypi/a/b/", "me"))')).toBe('None\n')
  expect(await python(keep)).toMatch(/no other keyring is installed/)

  const others = join(home.folder, 'others')
  await mkdir(join(others, 'ring-1.0.dist-info'), { recursive: true })
  await writeFile(join(others, 'ring.py'), RING)
  await writeFile(join(others, 'ring-1.0.dist-info/METADATA'), 'Metadata-Version: 2.1\nName: ring\nVersion: 1.0\n')
  await writeFile(join(others, 'ring-1.0.dist-info/entry_points.txt'), '[keyring.backends]\nring = ring\n')
  const env = { PYTHONPATH: others }
  for (const service of [
    'https://other.example/pypi/a/b/',
    registry.url,
    'not [an address',
    'poetry-repository-granary',
  ])
    expect(await python(`print(keyring.get_password(${JSON.stringify(service)}, "me"))`, env)).toBe(
      `kept-for-${service}\n`,
    )
  expect(await python(keep, env)).toBe('keeps other me x\n')

  const missing = JSON.stringify(`${registry.url}/pypi/local/missing/simple/`)
  const refused = `try: keyring.get_password(${missing}, "me")\nexcept keyring.errors.KeyringError as error: print(error)`
  expect(await python(refused, env)).toMatch(/missing does not exist/)
})

it.for<[string, (home: ClientHome) => Promise<Env>, RegExp]>([
  [
    'a configuration of its own',
    async (home) => {
      await mkdir(join(home.folder, '.config/python_keyring'), { recursive: true })
      await writeFile(
        join(home.folder, '.config/python_keyring/keyringrc.cfg'),
        '[backend]\ndefault-keyring=mine.Ring\n',
      )
      return {}
    },
    /keyringrc\.cfg chooses another keyring, and stays as it is/,
  ],
  ['a variable', async () => ({ PYTHON_KEYRING_BACKEND: 'mine.Ring' }), /PYTHON_KEYRING_BACKEND is set to mine\.Ring/],
])('whoever chose a keyring by %s keeps it, and nothing is written', async ([, choose, reason], context) => {
  await using home = await homeWith('pip-26', await requirePypiClient(context, 'pip-26'))
  const env = await choose(home)
  const before = await readTree(home.folder)
  const refused = await logIn(home, env)
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toMatch(reason)
  expect(await readTree(home.folder)).toEqual(before)
})
