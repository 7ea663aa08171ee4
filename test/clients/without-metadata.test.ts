import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PypiUpstream, type PublishedPypi } from '../support/upstream/pypi.ts'

// An upstream of large wheels that offers no `.metadata` with them: who resolves through Granary downloads none that is not
// installed, which takes finding a way back from versions that do not fit.

const BYTES = 8 * 1024 * 1024

let pypi: PypiUpstream
let registry: TestRegistry
let home: ClientHome
let wheels: readonly PublishedPypi[]
beforeEach(async () => {
  pypi = await startPypiUpstream()
  wheels = await publishAll()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: pypi.url })
  home = await clientHome()
})
afterEach(async () => {
  await home[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

async function publishAll(): Promise<readonly PublishedPypi[]> {
  const releases = [
    { name: 'app', version: '1.0', requiresDist: ['lib>=1', 'base>=2', 'big'] },
    ...['1.0', '2.0', '3.0'].map((version) => ({ name: 'base', version })),
    { name: 'lib', version: '1.0', requiresDist: ['base'] },
    { name: 'lib', version: '2.0', requiresDist: ['base>=2'] },
    { name: 'lib', version: '3.0', requiresDist: ['base<2'] },
    { name: 'lib', version: '4.0', requiresDist: ['base<2'] },
    ...['1.0', '1.1'].map((version) => ({ name: 'big', version })),
  ]
  const published: PublishedPypi[] = []
  for (const release of releases) {
    const files = { [`${release.name}/data.bin`]: randomBytes(BYTES), [`${release.name}/__init__.py`]: '' }
    published.push(...(await pypi.publish({ ...release, files, metadata: false })))
  }
  return published
}

const RESOLVED = ['app==1.0', 'base==3.0', 'big==1.1', 'lib==2.0']

const index = () => {
  const { host } = new URL(registry.url)
  return `http://aws:${registry.token}@${host}/pypi/local/main/simple/`
}

/** Wheels of which more was fetched than a part. */
const downloaded = () =>
  wheels
    .filter(({ path, bytes }) => pypi.bytesOf(path) >= bytes.length)
    .map(({ file }) => file.replace('-py3-none-any.whl', ''))

const fetched = () => wheels.reduce((sum, { path }) => sum + pypi.bytesOf(path), 0)

describe('resolving downloads no wheel', () => {
  it('of uv pip compile', async (context) => {
    const uv = await requireClient(context, 'uv')
    await writeFile(join(home.folder, 'requirements.in'), 'app\n')
    const compiled = await uv(home, [
      'pip',
      'compile',
      '--no-header',
      '--no-annotate',
      '--default-index',
      index(),
      'requirements.in',
    ])
    expect(compiled, compiled.stderr).toMatchObject({ code: 0 })
    expect(
      compiled.stdout
        .trim()
        .split('\n')
        .filter((line) => line.includes('==')),
    ).toEqual(RESOLVED)
    expect(downloaded()).toEqual([])
    expect(fetched()).toBeLessThan(wheels.length * 150_000)
  })

  it('of uv, where the version that fits is older than those whose metadata is advertised', async (context) => {
    const uv = await requireClient(context, 'uv')
    const files = { 'old/data.bin': randomBytes(BYTES) }
    for (let version = 1; version <= 8; version++)
      wheels = [...wheels, ...(await pypi.publish({ name: 'old', version: `${version}.0`, files, metadata: false }))]
    await writeFile(join(home.folder, 'requirements.in'), 'old<3\n')
    const compiled = await uv(home, ['pip', 'compile', '--no-header', '--default-index', index(), 'requirements.in'])
    expect(compiled, compiled.stderr).toMatchObject({ code: 0 })
    expect(compiled.stdout).toContain('old==2.0')
    expect(downloaded()).toEqual([])
    expect(fetched()).toBeLessThan(8 * 150_000)
  })

  it('of pip install --dry-run', async (context) => {
    await requireClient(context, 'pip')
    const python = await requireClient(context, 'python3')
    expect(await python(home, ['-m', 'venv', 'venv'])).toMatchObject({ code: 0 })
    const report = join(home.folder, 'report.json')
    const pip = [
      '-m',
      'pip',
      'install',
      '--dry-run',
      '--ignore-installed',
      '--report',
      report,
      '--index-url',
      index(),
      'app',
    ]
    const run = await python(home, pip)
    expect(run, run.stderr).toMatchObject({ code: 0 })
    expect(run.stdout).toContain('Would install app-1.0 base-3.0 big-1.1 lib-2.0')
    expect(downloaded()).toEqual([])
    expect(fetched()).toBeLessThan(wheels.length * 150_000)
  })
})

describe('installing downloads what is installed and nothing else', () => {
  it('with uv', async (context) => {
    const uv = await requireClient(context, 'uv')
    const python = await requireClient(context, 'python3')
    expect(await python(home, ['-m', 'venv', 'venv'])).toMatchObject({ code: 0 })
    const installed = await uv(home, [
      'pip',
      'install',
      '--python',
      'venv/bin/python',
      '--default-index',
      index(),
      'app',
    ])
    expect(installed, installed.stderr).toMatchObject({ code: 0 })
    expect(downloaded().toSorted()).toEqual(RESOLVED.map((one) => one.replace('==', '-')))
  })

  it('with pip', async (context) => {
    await requireClient(context, 'pip')
    const python = await requireClient(context, 'python3')
    expect(await python(home, ['-m', 'venv', 'venv'])).toMatchObject({ code: 0 })
    const installed = await python(home, ['-m', 'pip', 'install', '--target', 'here', '--index-url', index(), 'app'])
    expect(installed, installed.stderr).toMatchObject({ code: 0 })
    expect(downloaded().toSorted()).toEqual(RESOLVED.map((one) => one.replace('==', '-')))
  })
})
