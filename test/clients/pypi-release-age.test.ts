import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { homeWithPypi, requirePypiClient, type PypiClientName } from '../support/clients/pypi-clients.ts'
import { run } from '../support/clients/run.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// Clients that leave out young versions themselves need to hear when each was uploaded; where a rule of the registry does it, they
// need nothing.

const HOUR = 3_600_000
const DAY = 24 * HOUR

let pypi: PypiUpstream
let registry: TestRegistry

beforeAll(async () => {
  pypi = await startPypiUpstream()
  await pypi.publish({ name: 'moving', version: '1.0.0', uploadTime: new Date(Date.now() - 30 * DAY).toISOString() })
  await pypi.publish({ name: 'moving', version: '1.1.0', uploadTime: new Date(Date.now() - HOUR).toISOString() })
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  await pypi?.[Symbol.asyncDispose]()
})

const index = () => `${registry.url}/pypi/local/main/simple/`
const withToken = () => index().replace('://', `://aws:${registry.token}@`)
const projectFile = (...more: readonly string[]): string =>
  `[project]\nname = "app"\nversion = "1.0.0"\nrequires-python = ">=3.11"\ndependencies = ["moving"]\n${more.join('\n')}\n`

type Client = {
  readonly name: PypiClientName
  readonly files: () => Readonly<Record<string, string>>
  readonly env: () => Readonly<Record<string, string>>
  readonly install: readonly (readonly string[])[]
  /** What it is told so that it takes nothing that is younger than a week. */
  readonly aWeekOld?: () => Readonly<Record<string, string>>
}

const aWeekAgo = () => new Date(Date.now() - 7 * DAY).toISOString()
const pip = (name: PypiClientName): Client => ({
  name,
  files: () => ({}),
  env: () => ({ PIP_INDEX_URL: withToken() }),
  install: [
    ['python3', '-m', 'venv', '--without-pip', '.venv'],
    ['pip', 'install', 'moving'],
  ],
})

const CLIENTS: readonly Client[] = [
  pip('pip-20'),
  pip('pip-23'),
  { ...pip('pip-26'), aWeekOld: () => ({ PIP_UPLOADED_PRIOR_TO: aWeekAgo() }) },
  {
    name: 'uv',
    files: () => ({ 'pyproject.toml': projectFile() }),
    env: () => ({ UV_DEFAULT_INDEX: withToken() }),
    install: [['uv', 'sync']],
    aWeekOld: () => ({ UV_EXCLUDE_NEWER: aWeekAgo() }),
  },
  {
    name: 'poetry',
    files: () => ({
      'pyproject.toml': projectFile(
        '[tool.poetry]',
        'package-mode = false',
        '[[tool.poetry.source]]',
        'name = "granary"',
        `url = "${index()}"`,
      ),
    }),
    env: () => ({ POETRY_HTTP_BASIC_GRANARY_USERNAME: 'aws', POETRY_HTTP_BASIC_GRANARY_PASSWORD: registry.token }),
    install: [['poetry', 'install']],
    aWeekOld: () => ({ POETRY_SOLVER_MIN_RELEASE_AGE: '7' }),
  },
  {
    name: 'pdm',
    files: () => ({ 'pyproject.toml': projectFile('[tool.pdm]', 'distribution = false') }),
    env: () => ({ PDM_PYPI_URL: index(), PDM_PYPI_USERNAME: 'aws', PDM_PYPI_PASSWORD: registry.token }),
    install: [['pdm', 'install']],
  },
]

let rules: string[] = []
afterEach(async () => {
  for (const rule of rules) await registry.admin.client.call(operations.deleteRule, { domain: 'local', rule })
  rules = []
})

async function holdForAWeek(): Promise<void> {
  const rule = { kind: 'minimum-age' as const, seconds: (7 * DAY) / 1000 }
  rules.push((await registry.admin.client.call(operations.createRule, { domain: 'local', rule })).id)
}

/** Which version the client takes on a machine where it never ran. */
async function versionTaken(
  client: Client,
  venv: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  await using home = await homeWithPypi(client.name, venv)
  const project = await home.project('app')
  for (const [file, text] of Object.entries(client.files())) await writeFile(join(project, file), text)
  const succeed = async (program: string, args: readonly string[]) => {
    const finished = await run(program, args, { cwd: project, env: { ...home.env, ...client.env(), ...more } })
    expect(finished, finished.stdout + finished.stderr).toMatchObject({ code: 0 })
    return finished.stdout.trim()
  }
  for (const [program = '', ...args] of client.install) await succeed(program, args)
  return await succeed('.venv/bin/python', ['-c', 'import moving; print(moving.__version__)'])
}

it.for(CLIENTS)('$name takes the newest version that is old enough for the registry', async (client, context) => {
  const venv = await requirePypiClient(context, client.name)
  expect(await versionTaken(client, venv)).toBe('1.1.0')
  await holdForAWeek()
  expect(await versionTaken(client, venv)).toBe('1.0.0')
})

it.for(CLIENTS.filter(({ aWeekOld }) => aWeekOld !== undefined))(
  '$name takes the newest version that is old enough for itself',
  async (client, context) => {
    const venv = await requirePypiClient(context, client.name)
    expect(await versionTaken(client, venv, client.aWeekOld?.())).toBe('1.0.0')
  },
)

it.for([
  ['pip-26', ['pip', 'install', '--no-deps']],
  ['uv', ['uv', 'pip', 'install', '--no-deps']],
] as const)('%s is told how old a version must be, for a file by its address', async ([name, command], context) => {
  await using home = await homeWithPypi(name, await requirePypiClient(context, name))
  const project = await home.project('app')
  const page = await registry.fetch('/pypi/local/main/simple/moving/', {
    headers: { accept: 'application/vnd.pypi.simple.v1+json' },
  })
  const { files } = (await page.json()) as { files: { url: string; filename: string }[] }
  const url = files.find(({ filename }) => filename.includes('1.1.0'))?.url.replace('://', `://aws:${registry.token}@`)
  await holdForAWeek()
  const venv = await run('python3', ['-m', 'venv', '--without-pip', '.venv'], { cwd: project, env: home.env })
  expect(venv).toMatchObject({ code: 0 })
  const [program, ...args] = command
  const { code, stdout, stderr } = await run(program, [...args, `moving @ ${url}`], { cwd: project, env: home.env })
  expect(code).not.toBe(0)
  // uv breaks lines where its window ends.
  expect((stdout + stderr).replaceAll(/[\s│╰─▶×]+/g, ' ')).toContain('it is younger than 7 days')
})
