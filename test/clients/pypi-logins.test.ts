import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publicConnections } from '../../src/upstream/public-registries.ts'
import type { ClientHome } from '../support/clients/home.ts'
import { homeWithPypi, requirePypiClient, writeProgram, type PypiClientName } from '../support/clients/pypi-clients.ts'
import { NEW_VENV, pdmFile, poetryFile, projectFile } from '../support/clients/python-projects.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { run } from '../support/clients/run.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// Each of Python's clients is logged in by `granary login`, or by a way of its own that keeps the token elsewhere, and then installs
// and publishes as its users do.

let pypi: PypiUpstream
let granary: Granary

beforeAll(async () => {
  pypi = await startPypiUpstream()
  await pypi.publish({ name: 'from-outside', version: '1.0.0' })
  await pypi.publish({ name: 'from-outside', version: '1.1.0', yanked: 'broken' })
  granary = await startGranary({ env: { GRANARY_UPSTREAM_PYPI: pypi.url } })
})
afterAll(async () => {
  await granary?.[Symbol.asyncDispose]()
  await pypi?.[Symbol.asyncDispose]()
})

const index = () => `${granary.url}/pypi/local/main/simple/`
const PUBLIC_INDEX = publicConnections().find(({ name }) => name === 'public:pypi')?.url ?? ''
const withToken = (token: string) => index().replace('://', `://aws:${token}@`)

type Env = Readonly<Record<string, string>>

async function succeed(home: ClientHome, cwd: string, command: readonly string[], env: Env = {}): Promise<string> {
  const [program = '', ...args] = command
  const finished = await run(program, args, { cwd, env: { ...home.env, ...env } })
  const said = finished.stdout + finished.stderr
  expect(finished, `${command.join(' ')}\n${said}`).toMatchObject({ code: 0 })
  expect(said).not.toContain('eyJ')
  return said
}

async function logIn(home: ClientHome, ...args: readonly string[]): Promise<void> {
  const login = await granary.cli(home, 'login', ...args)
  expect(login, login.stderr).toMatchObject({ code: 0 })
  expect(login.stdout).not.toContain('eyJ')
}

async function expectInstalled(home: ClientHome, project: string): Promise<void> {
  const program = 'import from_outside; print(from_outside.__version__)'
  expect(await succeed(home, project, ['.venv/bin/python', '-c', program])).toBe('1.0.0\n')
}

type Installer = {
  readonly name: PypiClientName
  readonly tool: string
  readonly files: () => Readonly<Record<string, string>>
  readonly install: readonly (readonly string[])[]
  readonly env?: () => Env
  /** Where the token is written, below the home. */
  readonly secrets: string
}

const pip = (name: PypiClientName): Installer => ({
  name,
  tool: 'pip',
  files: () => ({}),
  install: [NEW_VENV, ['pip', 'install', 'from-outside']],
  secrets: '.config/pip/pip.conf',
})

const INSTALLERS: readonly Installer[] = [
  pip('pip-20'),
  pip('pip-23'),
  pip('pip-26'),
  {
    name: 'uv',
    tool: 'uv',
    files: () => ({ 'pyproject.toml': projectFile('from-outside') }),
    install: [['uv', 'sync']],
    secrets: '.config/uv/uv.toml',
  },
  {
    name: 'poetry',
    tool: 'poetry',
    files: () => ({
      'pyproject.toml': poetryFile('from-outside', index()),
    }),
    install: [['poetry', 'install']],
    secrets: '.config/pypoetry/auth.toml',
  },
  {
    name: 'pdm',
    tool: 'pdm',
    files: () => ({ 'pyproject.toml': pdmFile('from-outside') }),
    install: [['pdm', 'install']],
    secrets: '.config/pdm/config.toml',
  },
  {
    name: 'pipenv',
    tool: 'pipenv',
    files: () => ({
      Pipfile: `[[source]]\nname = "pypi"\nurl = "${PUBLIC_INDEX}"\nverify_ssl = true\n[packages]\nfrom-outside = "*"\n`,
    }),
    install: [['pipenv', 'install']],
    env: () => ({ PIPENV_PYPI_MIRROR: index() }),
    secrets: '.netrc',
  },
  {
    // Its environments are pip's work.
    name: 'hatch',
    tool: 'pip',
    files: () => ({
      'pyproject.toml': projectFile(
        'from-outside',
        '[tool.hatch.envs.default]',
        'skip-install = true',
        'path = ".venv"',
        'dependencies = ["from-outside"]',
      ),
    }),
    install: [['hatch', 'env', 'create']],
    secrets: '.config/pip/pip.conf',
  },
  {
    name: 'pip-tools',
    tool: 'pip',
    files: () => ({ 'requirements.in': 'from-outside\n' }),
    install: [
      ['python3', '-m', 'venv', '.venv'],
      ['pip-compile', '--quiet', '--no-emit-index-url'],
      ['pip-sync', '--python-executable', '.venv/bin/python'],
    ],
    secrets: '.config/pip/pip.conf',
  },
]

it.for(INSTALLERS)(
  '$name installs after `granary login $tool`',
  async ({ name, tool, files, install, secrets, env }, context) => {
    await using home = await homeWithPypi(name, await requirePypiClient(context, name))
    await logIn(home, tool)
    const project = await home.project('app')
    for (const [file, text] of Object.entries(files())) await writeFile(join(project, file), text)
    for (const command of install) await succeed(home, project, command, env?.())
    await expectInstalled(home, project)
    expect(await readFile(join(home.folder, secrets), 'utf8')).toContain('eyJ')
    expect((await stat(join(home.folder, secrets))).mode & 0o777).toBe(0o600)
  },
)

it.for([
  ['uv', 'uv', ['uv', 'publish', 'dist/*']],
  ['poetry', 'poetry', ['poetry', 'publish', '--repository', 'granary']],
  ['pdm', 'pdm', ['pdm', 'publish', '--no-build', '--repository', 'granary']],
  ['hatch', 'hatch', ['hatch', 'publish']],
] as const)('%s publishes after `granary login %s`, and once more', async ([name, tool, command], context) => {
  await using home = await homeWithPypi(name, await requirePypiClient(context, name))
  await logIn(home, tool)
  const project = await home.project('app')
  const wheel = buildWheel({ name: `acme-${name}`, version: '1.0.0' })
  await mkdir(join(project, 'dist'))
  await writeFile(join(project, 'dist', wheel.file), wheel.bytes)
  await writeFile(
    join(project, 'pyproject.toml'),
    `[project]\nname = "acme-${name}"\nversion = "1.0.0"\ndescription = ""\n`,
  )
  await succeed(home, project, command)
  await succeed(home, project, command)
  // A private name that is new: nobody outside may hear of it.
  expect(pypi.countOf(new RegExp(`acme-${name}`))).toBe(0)
})

it('twine uploads after `granary login twine`, and once more', async (context) => {
  const twine = await requireClient(context, 'twine')
  await using home = await homeWithPypi('pip-26', await requirePypiClient(context, 'pip-26'))
  await logIn(home, 'twine')
  const wheel = buildWheel({ name: 'acme-twine', version: '1.0.0' })
  await writeFile(join(home.folder, wheel.file), wheel.bytes)
  for (const _ of [1, 2]) {
    const uploaded = await twine(home, ['upload', '--non-interactive', '--repository', 'granary', wheel.file])
    expect(uploaded, uploaded.stdout + uploaded.stderr).toMatchObject({ code: 0 })
  }
})

describe('without a token in any file', () => {
  /** As docs/pypi.md says: a program `keyring` on the PATH that asks Granary's own. */
  const putKeyring = async (home: ClientHome) =>
    writeProgram(
      join(home.folder, 'bin/keyring'),
      `#!/bin/sh\nexec "${process.execPath}" "${join(import.meta.dirname, '../../bin/granary.js')}" keyring "$@"\n`,
    )
  const asked = (): Env => ({ GRANARY_URL: granary.url, GRANARY_DATA: granary.data })
  /** Ten of them in a minute, and a build machine is refused. */
  const expectNoFailedLogIn = () =>
    expect(granary.log.filter(({ reason }) => /token is not valid/.test(String(reason)))).toEqual([])
  const expectNoToken = async (home: ClientHome, file: string) =>
    expect(await readFile(join(home.folder, file), 'utf8')).not.toContain('eyJ')

  it.for(['pip-23', 'pip-26'] as const)('%s asks the keyring', async (name, context) => {
    await using home = await homeWithPypi(name, await requirePypiClient(context, name))
    await logIn(home, 'pip', '--keyring')
    await putKeyring(home)
    const project = await home.project('app')
    await succeed(home, project, NEW_VENV)
    await succeed(home, project, ['pip', 'install', 'from-outside'], asked())
    await expectInstalled(home, project)
    await expectNoToken(home, '.config/pip/pip.conf')
    expectNoFailedLogIn()
  })

  it('uv asks the keyring, to install and to publish, and locks without a token', async (context) => {
    await using home = await homeWithPypi('uv', await requirePypiClient(context, 'uv'))
    await logIn(home, 'uv', '--keyring')
    await putKeyring(home)
    const project = await home.project('app')
    await writeFile(join(project, 'pyproject.toml'), projectFile('from-outside'))
    await succeed(home, project, ['uv', 'sync'], asked())
    await expectInstalled(home, project)
    await expectNoToken(home, '.config/uv/uv.toml')
    expect(await readFile(join(project, 'uv.lock'), 'utf8')).not.toContain('eyJ')
    const wheel = buildWheel({ name: 'acme-keyring', version: '1.0.0' })
    await writeFile(join(project, wheel.file), wheel.bytes)
    await succeed(home, project, ['uv', 'publish', wheel.file], asked())
    expectNoFailedLogIn()
  })

  type Way = readonly [name: PypiClientName, env: (token: string) => Env]
  it.for<Way>([
    ['pip-26', (token) => ({ PIP_INDEX_URL: withToken(token) })],
    [
      'uv',
      (token) => ({
        UV_DEFAULT_INDEX: `granary=${index()}`,
        UV_INDEX_GRANARY_USERNAME: 'aws',
        UV_INDEX_GRANARY_PASSWORD: token,
      }),
    ],
    ['pipenv', (token) => ({ PIPENV_PYPI_MIRROR: withToken(token) })],
    ['pip-tools', (token) => ({ PIP_INDEX_URL: withToken(token) })],
    ['pdm', (token) => ({ PDM_PYPI_URL: index(), PDM_PYPI_USERNAME: 'aws', PDM_PYPI_PASSWORD: token })],
    ['poetry', (token) => ({ POETRY_HTTP_BASIC_GRANARY_USERNAME: 'aws', POETRY_HTTP_BASIC_GRANARY_PASSWORD: token })],
  ])('%s takes it from the environment', async ([name, env], context) => {
    await using home = await homeWithPypi(name, await requirePypiClient(context, name))
    const client = INSTALLERS.find((one) => one.name === name) as Installer
    const token = (await granary.cli(home, 'token')).stdout.trim()
    const project = await home.project('app')
    for (const [file, text] of Object.entries(client.files())) await writeFile(join(project, file), text)
    for (const command of client.install) await succeed(home, project, command, env(token))
    await expectInstalled(home, project)
    // Whatever it wrote there belongs to the project, and is shared.
    for (const entry of await readdir(project, { withFileTypes: true }))
      if (entry.isFile()) expect(await readFile(join(project, entry.name), 'utf8'), entry.name).not.toContain('eyJ')
  })

  it.for<Way>([
    ['pip-26', () => ({ PIP_INDEX_URL: index() })],
    ['uv', () => ({ UV_DEFAULT_INDEX: index() })],
    ['poetry', () => ({})],
    ['pdm', () => ({ PDM_PYPI_URL: index() })],
  ])('%s takes it from netrc', async ([name, env], context) => {
    await using home = await homeWithPypi(name, await requirePypiClient(context, name))
    await logIn(home, 'pipenv')
    const client = INSTALLERS.find((one) => one.name === name) as Installer
    const project = await home.project('app')
    for (const [file, text] of Object.entries(client.files())) await writeFile(join(project, file), text)
    for (const command of client.install) await succeed(home, project, command, env(''))
    await expectInstalled(home, project)
  })
})
