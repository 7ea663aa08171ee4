import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { run } from '../support/clients/run.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'
import { buildSdist, buildWheel } from '../support/wheel.ts'

async function logIn(granary: Granary, home: ClientHome, tool: string): Promise<void> {
  const login = await granary.cli(home, 'login', tool)
  expect(login, login.stderr).toMatchObject({ code: 0 })
}

describe('publishing to npm', () => {
  it('publishes once, installs elsewhere, refuses other bytes, and no public package of the name gets in', async (context) => {
    const npm = await requireClient(context, 'npm')
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: '@acme/hello', version: '99.0.0' })
    await upstream.publish({ name: 'public-thing', version: '1.0.0' })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using author = await clientHome()
    await using reader = await clientHome()
    await logIn(granary, author, 'npm')
    await logIn(granary, reader, 'npm')

    const hello = await author.project('hello')
    await writeFile(
      join(hello, 'package.json'),
      JSON.stringify({ name: '@acme/hello', version: '1.0.0', main: 'index.js' }),
    )
    await writeFile(join(hello, 'index.js'), 'module.exports = "hello"\n')
    const published = await npm(author, ['publish'], { cwd: hello })
    expect(published, published.stderr).toMatchObject({ code: 0 })
    expect(upstream.requests.filter(({ path }) => path.includes('acme'))).toEqual([])

    // The same bytes again, past npm's own check: a retried pipeline succeeds.
    const again = await npm(author, ['publish', '--force'], { cwd: hello })
    expect(again, again.stderr).toMatchObject({ code: 0 })
    await writeFile(join(hello, 'index.js'), 'module.exports = "other"\n')
    const other = await npm(author, ['publish', '--force'], { cwd: hello })
    expect(other.code).not.toBe(0)
    expect(other.stderr).toMatch(/E409|409 Conflict/)
    expect(other.stderr).toMatch(/cannot publish over the previously published version/i)

    const app = await reader.project('app')
    await writeFile(join(app, 'package.json'), '{"name":"app","version":"1.0.0"}')
    const install = await npm(reader, ['install', '@acme/hello', 'public-thing'], { cwd: app })
    expect(install, install.stderr).toMatchObject({ code: 0 })
    const printed = await run(process.execPath, ['-p', 'require("@acme/hello")'], { cwd: app, env: reader.env })
    expect(printed.stdout.trim()).toBe('hello')

    // Through no repository of the domain, also one that draws from the public registry directly.
    for (const repository of ['main', 'npm-store']) {
      const view = await npm(
        reader,
        ['view', '@acme/hello@99.0.0', 'version', '--registry', `${granary.url}/npm/local/${repository}/`],
        { cwd: app },
      )
      expect(view.stdout.trim(), repository).toBe('')
    }
    expect(upstream.requests.filter(({ path }) => path.includes('acme'))).toEqual([])
  })
})

describe('publishing to PyPI', () => {
  it('uploads wheel and sdist, installs both elsewhere, refuses other bytes, and no public project of the name gets in', async (context) => {
    const twine = await requireClient(context, 'twine')
    const python = await requireClient(context, 'python3')
    await using upstream = await startPypiUpstream()
    await upstream.publish({ name: 'acme-hello', version: '99.0.0' })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_PYPI: upstream.url } })
    await using author = await clientHome()
    await using reader = await clientHome()
    await logIn(granary, author, 'twine')
    await logIn(granary, reader, 'pip')

    const dist = await author.project('dist')
    const release = { name: 'acme-hello', version: '1.0.0' }
    const wheel = buildWheel({ ...release, files: { 'acme_hello.py': 'GREETING = "hello"\n' } })
    const sdist = await buildSdist(release)
    for (const { file, bytes } of [wheel, sdist]) await writeFile(join(dist, file), bytes)
    const upload = (...files: string[]) =>
      twine(author, ['upload', '--non-interactive', '--disable-progress-bar', '-r', 'granary', ...files], { cwd: dist })
    const published = await upload(wheel.file, sdist.file)
    expect(published, published.stdout + published.stderr).toMatchObject({ code: 0 })
    const again = await upload(wheel.file)
    expect(again, again.stdout + again.stderr).toMatchObject({ code: 0 })

    const forged = join(dist, 'forged')
    await mkdir(forged)
    await writeFile(
      join(forged, wheel.file),
      buildWheel({ ...release, files: { 'acme_hello.py': 'GREETING = "other"\n' } }).bytes,
    )
    const other = await upload(join(forged, wheel.file))
    expect(other.code).not.toBe(0)
    expect(other.stdout + other.stderr).toMatch(/400[\s\S]*File already exists/)

    expect(await python(reader, ['-m', 'venv', 'venv'])).toMatchObject({ code: 0 })
    const pip = (...args: string[]) =>
      run(join(reader.folder, 'venv/bin/pip'), args, { cwd: reader.folder, env: reader.env })
    const install = await pip('install', 'acme-hello')
    expect(install, install.stderr).toMatchObject({ code: 0 })
    const printed = await run(
      join(reader.folder, 'venv/bin/python'),
      ['-c', 'import acme_hello; print(acme_hello.GREETING)'],
      { cwd: reader.folder, env: reader.env },
    )
    expect(printed.stdout.trim()).toBe('hello')
    const source = await pip(
      'download',
      '--no-deps',
      '--no-build-isolation',
      '--no-binary',
      ':all:',
      '-d',
      'sources',
      'acme-hello',
    )
    expect(source.stdout + source.stderr).toMatch(/acme_hello-1\.0\.0\.tar\.gz/)
    for (const repository of ['main', 'pypi-store']) {
      const index = (await pip('config', 'get', 'global.index-url')).stdout.trim().replace('/main/', `/${repository}/`)
      const missing = await pip('download', '--no-deps', '--index-url', index, 'acme-hello==99.0.0')
      expect(missing.code, repository).not.toBe(0)
    }
    expect(upstream.requests.filter(({ path }) => path.includes('acme'))).toEqual([])
  })
})
