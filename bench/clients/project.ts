import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { clientHome } from '../../test/support/clients/home.ts'
import { run } from '../../test/support/clients/run.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'

/** What is installed: its direct dependencies, and the lock file that was made of them once and is kept. */
export const manifest = resolve(import.meta.dirname, '../install/package.json')

/** Stands in the kept lock file for whichever registry is measured. */
export const ANY_REGISTRY = 'http://registry.example/'

export const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

/** Made once and kept, so that rounds and runs install the same. */
export async function readLock(folder: string, mirror: Mirror): Promise<string> {
  const kept = join(folder, 'install-lock.json')
  const held = await readFile(kept, 'utf8').catch(() => null)
  if (held !== null) return held
  await using home = await clientHome()
  const project = await home.project('lock')
  await copyFile(manifest, join(project, 'package.json'))
  const args = ['install', '--package-lock-only', `--registry=${mirror.registry}`, ...QUIET]
  const { code, stderr } = await run('npm', args, { cwd: project, env: home.env, timeout: 300_000 })
  if (code !== 0) throw new Error(`the lock file could not be made:\n${stderr}`)
  const lock = (await readFile(join(project, 'package-lock.json'), 'utf8')).replaceAll(mirror.registry, ANY_REGISTRY)
  await writeFile(kept, lock)
  return lock
}
