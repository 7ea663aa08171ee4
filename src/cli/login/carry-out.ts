import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import type { Environment } from '../environment.ts'
import { EXIT, Failure } from '../failure.ts'
import type { Place, Step } from './setup.ts'

export const thisMachine = (env: Environment): Place => ({
  home: env.HOME || homedir(),
  program: [process.execPath, ...process.argv.slice(1, 2)],
  platform: process.platform,
  env,
  exists: existsSync,
  output: (program, args) => outputOf(program, args, env),
})

/** Does the steps; returns what is to be told. */
export async function carryOut(steps: readonly Step[], env: Environment): Promise<readonly string[]> {
  const told: string[] = []
  for (const step of steps) {
    if (step.step === 'edit') await replaceFile(step.file, step.write(await readOrEmpty(step.file)))
    else if (step.step === 'run') await run(step.program, step.args, env)
    else if (step.step === 'protect') await protect(step.file)
    else told.push(step.text)
  }
  return told
}

/** What the steps would do, with the token masked. */
export async function describeSteps(steps: readonly Step[], token: string): Promise<string> {
  const described = await Promise.all(steps.map(describe))
  const text = described.join('')
  return token === '' ? text : text.replaceAll(token, '***')
}

async function describe(step: Step): Promise<string> {
  if (step.step === 'run') return `run: ${[step.program, ...step.args].map(quote).join(' ')}\n`
  if (step.step === 'protect') return `make readable by its owner only: ${step.file}\n`
  if (step.step === 'tell') return `${step.text}\n`
  const before = await readOrEmpty(step.file)
  const [old, changed] = [before.split('\n'), step.write(before).split('\n')]
  const gone = old.filter((line) => !changed.includes(line)).length
  const added = changed.filter((line) => !old.includes(line))
  const replaced = gone > 0 ? ` (replacing ${gone} ${gone === 1 ? 'line' : 'lines'})` : ''
  return `write to ${step.file}${replaced}:\n${added.map((line) => `  ${line}\n`).join('')}`
}

const quote = (word: string): string => (/^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

async function readOrEmpty(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new Failure(EXIT.failed, `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

async function protect(file: string): Promise<void> {
  await using handle = await open(file, 'a', 0o600)
  await handle.chmod(0o600)
}

/** Whole or not at all. A link stays a link: people keep such files elsewhere. */
async function replaceFile(file: string, text: string): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true })
    const real = await realpath(file).catch(() => file)
    const pending = `${real}.${process.pid}.granary`
    try {
      await using handle = await open(pending, 'wx', 0o600)
      await handle.writeFile(text)
      await rename(pending, real)
    } catch (error) {
      await rm(pending, { force: true })
      throw error
    }
  } catch (error) {
    throw new Failure(EXIT.failed, `${file} cannot be written: ${(error as Error).message}`, { cause: error })
  }
}

type Finished = { readonly code: number | null; readonly output: string; readonly errors: string }

function finish(program: string, args: readonly string[], env: Environment): Promise<Finished | null> {
  return new Promise((resolve, reject) => {
    const onWindows = process.platform === 'win32'
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], shell: onWindows })
    let [output, errors] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
    child.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(null) : reject(error)))
    child.on('close', (code) => resolve({ code, output, errors }))
  })
}

async function outputOf(program: string, args: readonly string[], env: Environment): Promise<string | null> {
  const finished = await finish(program, args, env)
  return finished?.code === 0 ? finished.output.trim() : null
}

async function run(program: string, args: readonly string[], env: Environment): Promise<void> {
  const finished = await finish(program, args, env)
  if (!finished) throw new Failure(EXIT.failed, `${program} was not found: install it, then log in again`)
  if (finished.code === 0) return
  // Its arguments are left out: the token is among them.
  const said = (finished.errors || finished.output).trim()
  throw new Failure(EXIT.failed, `${program} ${args[0] ?? ''} failed${said ? `: ${said}` : ''}`)
}
