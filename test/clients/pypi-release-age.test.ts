import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { homeWithPypi, requirePypiClient, type PypiClientName } from '../support/clients/pypi-clients.ts'
import { NEW_VENV, pythonInstallers, type PythonInstaller } from '../support/clients/python-projects.ts'
import { oneLine, run } from '../support/clients/run.ts'
import { rulesIn } from '../support/rules.ts'
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

const aWeekAgo = () => new Date(Date.now() - 7 * DAY).toISOString()
/** What it is told so that it takes nothing that is younger than a week. */
const A_WEEK_OLD: Partial<Readonly<Record<PypiClientName, () => Readonly<Record<string, string>>>>> = {
  'pip-26': () => ({ PIP_UPLOADED_PRIOR_TO: aWeekAgo() }),
  uv: () => ({ UV_EXCLUDE_NEWER: aWeekAgo() }),
  poetry: () => ({ POETRY_SOLVER_MIN_RELEASE_AGE: '7' }),
}
const CLIENTS = pythonInstallers('moving', index)

const rules = rulesIn(() => registry)
const holdForAWeek = () => rules.add({ kind: 'minimum-age', seconds: (7 * DAY) / 1000 })

/** Which version the client takes on a machine where it never ran. */
async function versionTaken(
  client: PythonInstaller,
  venv: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  await using home = await homeWithPypi(client.name, venv)
  const project = await home.project('app')
  for (const [file, text] of Object.entries(client.files())) await writeFile(join(project, file), text)
  const succeed = async (program: string, args: readonly string[]) => {
    const finished = await run(program, args, {
      cwd: project,
      env: { ...home.env, ...client.env(registry.token), ...more },
    })
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

it.for(CLIENTS.filter(({ name }) => A_WEEK_OLD[name] !== undefined))(
  '$name takes the newest version that is old enough for itself',
  async (client, context) => {
    const venv = await requirePypiClient(context, client.name)
    expect(await versionTaken(client, venv, A_WEEK_OLD[client.name]?.())).toBe('1.0.0')
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
  const venv = await run('python3', NEW_VENV.slice(1), { cwd: project, env: home.env })
  expect(venv).toMatchObject({ code: 0 })
  const [program, ...args] = command
  const { code, stdout, stderr } = await run(program, [...args, `moving @ ${url}`], { cwd: project, env: home.env })
  expect(code).not.toBe(0)
  expect(oneLine(stdout + stderr)).toContain('it is younger than 7 days')
})
