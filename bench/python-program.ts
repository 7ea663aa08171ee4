import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** What is measured beside Granary, and the clients, each in an environment of its own: they do not get along in one. */
const ENVIRONMENTS = {
  devpi: ['devpi-server==6.20.3'],
  // Served as its container image serves it.
  proxpi: ['proxpi==1.3.1', 'gunicorn==27.0.1'],
  // Served as its container image serves it, and with the cache that its manual recommends.
  pypiserver: ['pypiserver[cache]==2.4.2', 'gunicorn==27.0.1'],
  clients: ['pip==26.3', 'uv==0.13.8'],
} as const

export type Environment = keyof typeof ENVIRONMENTS

/** Those that were found or made in this run. */
const made = new Map<Environment, Promise<string>>()

/** The path of a program of one of these environments, which are made in bench/venvs when first needed. */
export async function pythonProgram(environment: Environment, program: string): Promise<string> {
  const folder = made.get(environment) ?? findEnvironment(environment)
  made.set(environment, folder)
  return join(await folder, 'bin', program)
}

async function findEnvironment(environment: Environment): Promise<string> {
  const folder = join(import.meta.dirname, 'venvs', environment)
  const wanted = ENVIRONMENTS[environment].join('\n')
  const record = join(folder, 'installed.txt')
  if ((await readFile(record, 'utf8').catch(() => null)) === wanted) return folder
  process.stderr.write(`installing ${wanted.replaceAll('\n', ' and ')} into bench/venvs/${environment} …\n`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, '..'), { recursive: true })
  await exec('python3', ['-m', 'venv', folder])
  await exec(join(folder, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...ENVIRONMENTS[environment]])
  // Last, so that one that was broken off is made anew.
  await writeFile(record, wanted)
  return folder
}
