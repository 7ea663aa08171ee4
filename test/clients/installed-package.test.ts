import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { run } from '../support/clients/run.ts'

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
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
      const serving = JSON.parse(String((await lines.next()).value)) as { msg: string; url: string }
      expect(serving.msg).toBe('serving')
      const listed = await run(process.execPath, [bin, 'repository', 'list', '--json'], {
        cwd: folder,
        env: { ...home.env, GRANARY_URL: serving.url, GRANARY_DATA: data },
      })
      expect(listed, listed.stderr).toMatchObject({ code: 0 })
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
