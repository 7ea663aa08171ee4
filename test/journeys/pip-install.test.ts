import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { run } from '../support/clients/run.ts'
import { CUT_OFF, startGranary } from '../support/granary.ts'

it('installs requests from the public index through Granary, and again with the upstream cut off', async (context) => {
  const python = await requireClient(context, 'python3')
  await requireClient(context, 'pip')
  await using home = await clientHome()
  await using granary = await startGranary()

  const login = await granary.cli(home, 'login', 'pip')
  expect(login, login.stderr).toMatchObject({ code: 0 })
  const pip = async (venv: string, ...args: string[]) => {
    expect(await python(home, ['-m', 'venv', venv])).toMatchObject({ code: 0 })
    return run(join(home.folder, venv, 'bin/pip'), args, { cwd: home.folder, env: home.env })
  }
  const install = await pip('first', 'install', '-v', 'requests')
  expect(install, install.stderr).toMatchObject({ code: 0 })
  const sources = [...install.stdout.matchAll(/Downloading (?:from URL )?(https?:\/\/\S+)/g)].map(([, url]) => url)
  expect(sources.length).toBeGreaterThan(0)
  for (const source of sources) expect(source).toContain(`${new URL(granary.url).host}/pypi/local/main/`)

  await granary.restart(CUT_OFF)
  await rm(join(home.folder, '.cache'), { recursive: true, force: true })
  const again = await pip('second', 'install', '--no-cache-dir', 'requests')
  expect(again, again.stderr).toMatchObject({ code: 0 })
  expect(await freeze(home, 'second')).toEqual(await freeze(home, 'first'))
  expect(await freeze(home, 'second')).toMatch(/^requests==/m)
})

async function freeze(home: ClientHome, venv: string): Promise<string> {
  return (await run(join(home.folder, venv, 'bin/pip'), ['freeze'], { cwd: home.folder, env: home.env })).stdout
}
