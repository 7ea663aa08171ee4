import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { homeWithPypi, requirePypiClient, type PypiClientName } from '../support/clients/pypi-clients.ts'
import { projectFile, pythonInstallers } from '../support/clients/python-projects.ts'
import { oneLine, run } from '../support/clients/run.ts'
import { startRecordingProxy, type RecordingProxy } from '../support/recording-proxy.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { restoreTime } from '../support/shifted-clock.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// A token that runs out while packages are installed: indexes were read with it, and the first file is refused. Whoever waits
// should hear why, as far as the client lets a registry speak.

const HOUR = 3_600_000
const REASON = 'The token has expired; get a new one'

let pypi: PypiUpstream
let proxy: RecordingProxy
let registry: TestRegistry
/** Which request finds the token expired. */
let lastCall: RegExp | undefined
/** The same for all, so that all of them fail within one minute: no client's failures may take the reason from another's. */
const ABSENCE = 13 * HOUR

beforeAll(async () => {
  pypi = await startPypiUpstream()
  await pypi.publish({ name: 'from-outside', version: '1.0.0', metadata: false })
  for (const name of MANY) await pypi.publish({ name, version: '1.0.0' })
  proxy = await startRecordingProxy((path) => {
    if (!lastCall?.test(path)) return
    lastCall = undefined
    registry.passTime(ABSENCE)
  })
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url, GRANARY_PUBLIC_URL: proxy.origin })
  proxy.passTo(registry.url)
})
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  await proxy?.[Symbol.asyncDispose]()
  await pypi?.[Symbol.asyncDispose]()
})
afterEach(() => {
  restoreTime()
  proxy.forget()
})

/** More than a client downloads at once. */
const MANY = Array.from({ length: 60 }, (_, index) => `one-of-many-${index}`)

const index = () => `${proxy.origin}/pypi/local/main/simple/`

const CLIENTS = pythonInstallers('from-outside', index)
/** PDM has words of its own for every status. */
const told = (name: PypiClientName): RegExp | string => (name === 'pdm' ? /Client error '401 Unauthorized'/ : REASON)

it('says so in the reason phrase, the body and the challenge', async () => {
  const token = await registry.admin.token()
  registry.passTime(ABSENCE)
  const answer = await registry.fetch('/pypi/local/main/simple/from-outside/', {
    token,
    headers: { accept: 'application/problem+json' },
  })
  expect(answer.status).toBe(401)
  expect(answer.statusText).toBe(REASON)
  expect(answer.headers.get('www-authenticate')).toBe(`Basic realm="granary", error_description="${REASON}"`)
  expect(await answer.json()).toMatchObject({ status: 401, title: 'Not logged in', detail: REASON })
})

it.for(CLIENTS)('$name is told that its token expired', async ({ name, files, env, install }, context) => {
  await using home = await homeWithPypi(name, await requirePypiClient(context, name))
  const project = await home.project('app')
  for (const [file, text] of Object.entries(files())) await writeFile(join(project, file), text)
  const token = await registry.admin.token()
  lastCall = /\/packages\//
  const output: string[] = []
  const codes: (number | null)[] = []
  for (const [program = '', ...args] of install) {
    const { code, stdout, stderr } = await run(program, args, { cwd: project, env: { ...home.env, ...env(token) } })
    output.push(stdout, stderr)
    codes.push(code)
  }
  expect(codes.at(-1), output.join('')).not.toBe(0)
  expect(output.join('')).not.toContain(token)
  expect(oneLine(output.join(''))).toMatch(told(name))
})

it('uv is told that its token expired also where it asks for many files at once', async (context) => {
  await using home = await homeWithPypi('uv', await requirePypiClient(context, 'uv'))
  const project = await home.project('app')
  const wanted = JSON.stringify(MANY)
  await writeFile(join(project, 'pyproject.toml'), projectFile('from-outside').replace('["from-outside"]', wanted))
  const env = { ...home.env, UV_DEFAULT_INDEX: index().replace('://', `://aws:${await registry.admin.token()}@`) }
  const locked = await run('uv', ['lock'], { cwd: project, env })
  expect(locked, locked.stderr).toMatchObject({ code: 0 })
  lastCall = /\.whl$/
  const { code, stderr } = await run('uv', ['sync', '--frozen'], { cwd: project, env })
  expect(code).not.toBe(0)
  expect(oneLine(stderr)).toContain(REASON)
})
