import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { ClientHome } from '../support/clients/home.ts'
import { homeWithPypi, requirePypiClient } from '../support/clients/pypi-clients.ts'
import { NEW_VENV } from '../support/clients/python-projects.ts'
import { run } from '../support/clients/run.ts'
import { uploadPypi } from '../support/pypi-upload.ts'
import { startRecordingProxy } from '../support/recording-proxy.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PublishedPypi, type PypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

// bandersnatch copies what is in a repository, and then what changed there. Between its runs pass the minutes that a serial takes to settle.

const MINUTES = 5 * 60_000

let pypi: PypiUpstream
let registry: TestRegistry
beforeEach(async () => {
  pypi = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterEach(async () => {
  await registry[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

type Settings = Readonly<Record<string, string>>
type Env = Readonly<Record<string, string>>

/** Writes its configuration; what comes back runs it and tells which paths of the repository it asked. */
async function mirrorOf(
  home: ClientHome,
  master: string,
  more: { readonly sections?: Readonly<Record<string, Settings>>; readonly env?: Env } = {},
) {
  const mirror = {
    directory: join(home.folder, 'mirror'),
    master,
    'api-method': 'simple',
    'allow-non-https': 'true',
    json: 'true',
    'release-files': 'true',
    'compare-method': 'hash',
    'hash-index': 'false',
    'stop-on-error': 'true',
    timeout: '20',
    workers: '2',
  }
  const lines = Object.entries({ mirror, ...more.sections }).flatMap(([section, settings]) => [
    `[${section}]`,
    ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
  ])
  await writeFile(join(home.folder, 'bandersnatch.conf'), `${lines.join('\n')}\n`)
  // It asks a proxy for the loopback interface too.
  const direct = Object.entries(home.env).filter(([name]) => !/_proxy$/i.test(name))
  const env = { ...Object.fromEntries(direct), ...more.env }
  return async (): Promise<readonly string[]> => {
    registry.passTime(MINUTES)
    registry.log.length = 0
    const ended = await run('bandersnatch', ['--config', 'bandersnatch.conf', 'mirror'], { cwd: home.folder, env })
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    const paths = registry.log.map(({ path }) => path).filter((path) => typeof path === 'string')
    // Since 8.0 it takes the metadata of wheels along.
    return paths
      .flatMap((path) => (path.endsWith('.metadata') ? [] : [path.replace('/pypi/local/main/', '')]))
      .toSorted()
  }
}

const masterOf = (token?: string) =>
  `${registry.url}/pypi/local/main`.replace('://', token === undefined ? '://' : `://aws:${token}@`)
const read = (home: ClientHome, path: string) => readFile(join(home.folder, 'mirror/web', path))
const json = (name: string) => `pypi/${name}/json`

async function upload(name: string, version: string) {
  const wheel = buildWheel({ name, version })
  expect(await uploadPypi(registry, { name, version, ...wheel })).toMatchObject({ status: 200 })
  return wheel
}

const fetchFile = async ({ path }: Pick<PublishedPypi, 'path'>) =>
  expect((await (await registry.fetch(`/pypi/local/main${path}`)).arrayBuffer()).byteLength).toBeGreaterThan(0)

/** A project of upstream with two files, one of which somebody installed. */
async function fill() {
  const files = await pypi.publish({ name: 'from-outside', version: '1.0.0', kinds: ['wheel', 'sdist'] })
  for (const file of files.slice(0, 1)) await fetchFile(file)
  return files
}
const pathsOf = (files: readonly PublishedPypi[]) => files.map(({ path }) => path.slice(1))

it('mirrors everything once, then what is new, and what a rule takes away', async (context) => {
  await using home = await homeWithPypi('bandersnatch', await requirePypiClient(context, 'bandersnatch'))
  const files = await fill()
  const own = await upload('acme-tool', '1.0.0')
  await upload('acme-still', '1.0.0')
  const mirror = await mirrorOf(home, masterOf(registry.token))

  const first = await mirror()
  expect(first).toEqual(
    expect.arrayContaining(['simple', ...['acme-still', 'acme-tool', 'from-outside'].map(json), ...pathsOf(files)]),
  )
  expect(first).toHaveLength(4 + 4)
  for (const { path, bytes } of files) expect(await read(home, path)).toEqual(Buffer.from(bytes))
  expect((await read(home, 'simple/acme-tool/index.html')).toString()).toContain(own.file)
  // What was read out of a wheel for it is a change of the project's page, but no file is new.
  expect((await mirror()).filter((path) => path.startsWith('packages/'))).toEqual([])
  expect(await mirror()).toEqual(['simple'])

  await upload('acme-tool', '2.0.0')
  const newer = await pypi.publish({ name: 'from-outside', version: '2.0.0' })
  for (const file of newer) await fetchFile(file)
  const again = await mirror()
  expect(again).toEqual(expect.arrayContaining(['simple', json('acme-tool'), json('from-outside'), ...pathsOf(newer)]))
  expect(again).toHaveLength(3 + 2)
  for (const { path, bytes } of newer) expect(await read(home, path)).toEqual(Buffer.from(bytes))

  const rule = {
    kind: 'deny-list' as const,
    packages: [{ format: 'pypi' as const, package: 'acme-tool', versions: ['1.0.0'] }],
    reason: 'it has a bug',
  }
  await registry.admin.client.call(operations.createRule, { domain: 'local', rule })
  expect(await mirror()).toEqual([...['acme-still', 'acme-tool', 'from-outside'].map(json), 'simple'])
  const page = (await read(home, 'simple/acme-tool/index.html')).toString()
  expect(page).toContain('acme_tool-2.0.0')
  expect(page).not.toContain('acme_tool-1.0.0')
})

it('makes a mirror that pip installs from', async (context) => {
  const pip = await requirePypiClient(context, 'pip-26')
  await using home = await homeWithPypi('bandersnatch', await requirePypiClient(context, 'bandersnatch'))
  await fill()
  await (
    await mirrorOf(home, masterOf(registry.token))
  )()
  await using user = await homeWithPypi('pip-26', pip)
  const cwd = await user.project('app')
  const index = pathToFileURL(join(home.folder, 'mirror/web/simple')).href
  for (const command of [NEW_VENV, ['pip', 'install', '--no-cache-dir', '--index-url', index, 'from-outside']]) {
    const [program = '', ...args] = command
    const ended = await run(program, args, { cwd, env: user.env })
    expect(ended, ended.stdout + ended.stderr).toMatchObject({ code: 0 })
  }
})

it('needs no log-in where everybody may read, and mirrors only what its list names', async (context) => {
  await using home = await homeWithPypi('bandersnatch', await requirePypiClient(context, 'bandersnatch'))
  await registry.admin.client.call(operations.putRepositoryPermissionsPolicy, {
    domain: 'local',
    repository: 'main',
    policyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 'codeartifact:ReadFromRepository', Resource: '*' }],
    }),
  })
  const files = await fill()
  await upload('acme-tool', '1.0.0')
  const sections = { plugins: { enabled: '\n    allowlist_project' }, allowlist: { packages: '\n    from-outside' } }
  const mirror = await mirrorOf(home, masterOf(), { sections })
  expect(await mirror()).toEqual([...pathsOf(files), json('from-outside'), 'simple'].toSorted())
})

it('takes its token from netrc where it goes through a proxy', async (context) => {
  await using home = await homeWithPypi('bandersnatch', await requirePypiClient(context, 'bandersnatch'))
  await using proxy = await startRecordingProxy()
  proxy.passTo(registry.url)
  const files = await fill()
  await writeFile(join(home.folder, '.netrc'), `machine 127.0.0.1 login aws password ${registry.token}\n`, {
    mode: 0o600,
  })
  await (
    await mirrorOf(home, masterOf(), { env: { HTTP_PROXY: proxy.origin } })
  )()
  for (const { path, bytes } of files) expect(await read(home, path)).toEqual(Buffer.from(bytes))
  expect(proxy.passed.length).toBeGreaterThan(files.length)
})
