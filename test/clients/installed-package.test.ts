import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { run } from '../support/clients/run.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'

const checkout = resolve(import.meta.dirname, '../..')

/** The network as this machine has it: what is installed here comes from the registry that npm is set to use. */
const inherited = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || name.startsWith('GRANARY_') ? [] : [[name, value]],
  ),
)

it('serves when it was packed and installed, compiled, where Node.js strips no types', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'granary-installed-'))
  await using home = await clientHome()
  await using npmjs = await startNpmUpstream()
  await npmjs.publish({ name: 'hello', version: '1.0.0' })
  await using pypi = await startPypiUpstream()
  await pypi.publish({ name: 'hello', version: '1.0.0' })
  try {
    const npm = (...args: string[]) => run('npm', args, { cwd: folder, env: inherited })
    const packed = await run('npm', ['pack', '--pack-destination', folder], { cwd: checkout, env: inherited })
    expect(packed, packed.stderr).toMatchObject({ code: 0 })
    const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'))
    await writeFile(join(folder, 'package.json'), '{"name":"user","private":true}')
    const installed = await npm('install', '--no-audit', '--no-fund', `./${tarball}`)
    expect(installed, installed.stderr).toMatchObject({ code: 0 })

    const bin = join(folder, 'node_modules/granary/bin/granary.js')
    const data = join(folder, 'data')
    const server = spawn(process.execPath, [bin, 'serve', '--port', '0', '--data', data], {
      env: { ...inherited, GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
      const serving = JSON.parse(String((await lines.next()).value)) as { msg: string; url: string }
      expect(serving.msg).toBe('serving')
      const granary = (...args: string[]) =>
        run(process.execPath, [bin, ...args], {
          cwd: folder,
          env: { ...home.env, GRANARY_URL: serving.url, GRANARY_DATA: data },
        })
      const listed = await granary('repository', 'list', '--json')
      expect(listed, listed.stderr).toMatchObject({ code: 0 })
      const { stdout: token } = await granary('token')
      const headers = { authorization: `Bearer ${token.trim()}` }
      for (const path of ['npm/local/main/hello', 'pypi/local/main/simple/hello/']) {
        const answer = await fetch(`${serving.url}/${path}`, { headers })
        expect({ path, status: answer.status, names: (await answer.text()).includes('1.0.0') }).toEqual({
          path,
          status: 200,
          names: true,
        })
      }
      expect((JSON.parse(listed.stdout) as { name: string }[]).map(({ name }) => name)).toEqual([
        'main',
        'npm-store',
        'pypi-store',
      ])
    } finally {
      server.kill('SIGTERM')
      await once(server, 'exit')
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
