import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startGranary } from '../support/granary.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

it('uv publishes, installs and locks after `granary login uv`, and keeps the token out of its lock file', async (context) => {
  const uv = await requireClient(context, 'uv')
  const python = await requireClient(context, 'python3')
  await using pypi = await startPypiUpstream()
  await using granary = await startGranary({ env: { GRANARY_UPSTREAM_PYPI: pypi.url } })
  await using home = await clientHome()
  const project = await home.project('app')
  const login = await granary.cli(home, 'login', 'uv')
  expect(login, login.stderr).toMatchObject({ code: 0 })

  const wheel = buildWheel({ name: 'acme-hello', version: '1.0.0' })
  await writeFile(join(project, wheel.file), wheel.bytes)
  const published = await uv(home, ['publish', wheel.file], { cwd: project })
  expect(published, published.stderr).toMatchObject({ code: 0 })
  // A private name that is new: nobody outside may hear of it.
  expect(pypi.requests).toEqual([])

  const { stdout } = await python(home, ['-c', 'import sys; print(sys.executable)'])
  const made = await uv(home, ['venv', '--python', stdout.trim(), '.venv'], { cwd: project })
  expect(made, made.stderr).toMatchObject({ code: 0 })
  const installed = await uv(home, ['pip', 'install', 'acme-hello==1.0.0'], { cwd: project })
  expect(installed, installed.stderr).toMatchObject({ code: 0 })

  const description =
    '[project]\nname = "app"\nversion = "0"\nrequires-python = ">=3.8"\ndependencies = ["acme-hello"]\n'
  await writeFile(join(project, 'pyproject.toml'), description)
  const locked = await uv(home, ['lock', '--python', stdout.trim()], { cwd: project })
  expect(locked, locked.stderr).toMatchObject({ code: 0 })
  const lock = await readFile(join(project, 'uv.lock'), 'utf8')
  expect(lock).toContain(`registry = "${granary.url}/pypi/local/main/simple/"`)
  expect(lock).not.toContain('eyJ')
})
