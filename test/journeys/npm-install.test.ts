import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { CUT_OFF, startGranary } from '../support/granary.ts'
import { digestTree } from '../support/tree.ts'

type Lock = { packages: Record<string, { version?: string; resolved?: string; integrity?: string }> }

it('installs express from the public registry through Granary, and again with the upstream cut off', async (context) => {
  const npm = await requireClient(context, 'npm')
  await using home = await clientHome()
  await using granary = await startGranary()
  const project = await home.project('app')
  await writeFile(join(project, 'package.json'), '{"name":"app","version":"1.0.0"}')

  const login = await granary.cli(home, 'login', 'npm')
  expect(login, login.stderr).toMatchObject({ code: 0 })
  const install = await npm(home, ['install', 'express'], { cwd: project })
  expect(install, install.stderr).toMatchObject({ code: 0 })

  const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8')) as Lock
  const installed = Object.entries(lock.packages).filter(([path]) => path !== '')
  expect(installed.length).toBeGreaterThan(20)
  for (const [path, { resolved, integrity }] of installed) {
    expect(resolved, path).toMatch(`${granary.url}/npm/local/main/`)
    expect(integrity, path).toMatch(/^sha512-/)
  }
  // Retained in the repository that was asked and in the one with the connection.
  const kept = await granary.json<{ package: string; namespace?: string }[]>(
    home,
    'package',
    'list',
    '--domain',
    'local',
    '--repository',
    'npm-store',
    '--format',
    'npm',
  )
  const names = new Set(kept.map((entry) => (entry.namespace ? `@${entry.namespace}/${entry.package}` : entry.package)))
  for (const [path] of installed)
    expect(names).toContain(path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))

  const first = await digestTree(join(project, 'node_modules'), (path) => path === '.package-lock.json')
  await granary.restart(CUT_OFF)
  await rm(join(project, 'node_modules'), { recursive: true })
  await rm(join(home.folder, '.npm'), { recursive: true, force: true })
  const again = await npm(home, ['ci'], { cwd: project })
  expect(again, again.stderr).toMatchObject({ code: 0 })
  expect(await digestTree(join(project, 'node_modules'), (path) => path === '.package-lock.json')).toEqual(first)
})
