import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { clientHome } from './support/clients/home.ts'
import { requireClient } from './support/clients/require-client.ts'
import { run } from './support/clients/run.ts'

const skip = (note?: string): never => {
  throw new Error(`skipped: ${note}`)
}

describe('a client home', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('knows nothing of who runs the tests, but trusts the same certificates', async () => {
    vi.stubEnv('npm_config_registry', 'http://registry.example/')
    vi.stubEnv('PIP_INDEX_URL', 'http://index.example/simple/')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE')
    vi.stubEnv('GRANARY_URL', 'http://granary.example/')
    vi.stubEnv('REQUESTS_CA_BUNDLE', '/etc/example.pem')
    vi.stubEnv('PATH', `/checkout/node_modules/.bin:/usr/bin`)
    await using home = await clientHome()
    expect(Object.values(home.env).join('\n')).not.toMatch(/example\/|AKIA|node_modules/)
    expect(home.env).toMatchObject({
      HOME: home.folder,
      REQUESTS_CA_BUNDLE: '/etc/example.pem',
      PATH: expect.stringMatching(/:\/usr\/bin$/),
    })
  })

  it('reaches the loopback interface and nothing else', async (context) => {
    const curl = await requireClient(context, 'curl')
    await using home = await clientHome()
    await using server = createServer((_, response) => response.end('here')).listen(0, '127.0.0.1')
    await new Promise((listening) => server.once('listening', listening))
    const { port } = server.address() as AddressInfo
    expect(await curl(home, ['--silent', `http://127.0.0.1:${port}/`])).toMatchObject({ code: 0, stdout: 'here' })
    const outside = await curl(home, ['--silent', '--show-error', 'https://granary.example/'])
    expect(outside).toMatchObject({ stdout: '', stderr: expect.stringContaining('127.0.0.1') })
    expect(outside.code).not.toBe(0)
  })

  it('is where npm keeps its cache and its settings', async (context) => {
    const npm = await requireClient(context, 'npm')
    await using home = await clientHome()
    await npm(home, ['config', 'set', 'fund=false', '--location=user'])
    const { stdout } = await npm(home, ['config', 'get', 'cache', 'userconfig', 'fund'])
    expect(stdout.trim().split('\n')).toEqual([
      `cache=${join(home.folder, '.npm')}`,
      `userconfig=${join(home.folder, '.npmrc')}`,
      'fund=false',
    ])
  })

  it('has no projects outside itself', async () => {
    await using home = await clientHome()
    expect(await home.project('demo')).toBe(join(home.folder, 'projects', 'demo'))
    await expect(home.project('../../elsewhere')).rejects.toThrow('not a folder')
  })
})

describe('a client', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('that is missing skips the test by name', async () => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('GRANARY_TEST_REQUIRE', '')
    await expect(requireClient({ skip }, 'bun')).rejects.toThrow('skipped: bun is not installed')
  })

  it.each(['all', 'npm,bun'])('that is missing fails the test where GRANARY_TEST_REQUIRE is %s', async (required) => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('GRANARY_TEST_REQUIRE', required)
    await expect(requireClient({ skip }, 'bun')).rejects.toThrow('GRANARY_TEST_REQUIRE asks for it')
  })

  it('is given its input, and its exit code is told', async () => {
    await using home = await clientHome()
    const script = 'read line; echo "got $line"; echo "HOME $HOME" >&2; exit 3'
    const finished = await run('/bin/sh', ['-c', script], { cwd: home.folder, env: home.env, input: 'word\n' })
    expect(finished).toEqual({ code: 3, stdout: 'got word\n', stderr: `HOME ${home.folder}\n` })
  })

  it('that takes too long is ended with all that it started', async () => {
    await using home = await clientHome()
    const bin = join(home.folder, 'bin')
    await mkdir(bin)
    await writeFile(join(bin, 'slow'), '#!/bin/sh\necho begun\nsleep 60 &\nwait\n', { mode: 0o755 })
    const slow = run(join(bin, 'slow'), ['now'], { cwd: home.folder, env: home.env, timeout: 300 })
    // It resolves only when every holder of its output is gone, `sleep` among them.
    await expect(slow).rejects.toThrow(/slow now did not end within 300 ms\nbegun/)
  })

  it('that is no program says so', async () => {
    await using home = await clientHome()
    await expect(run('/nowhere/npm', [], { cwd: home.folder, env: home.env })).rejects.toThrow('ENOENT')
  })
})
