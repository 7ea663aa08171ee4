import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

/** Valid as JavaScript and as TypeScript; says who it is, and ends with the code that it is told. */
const program = (name: string) => `
export async function main(argv) {
  const told = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  const alive = setInterval(() => {}, 1000)
  console.log('${name} ' + argv.join(' '))
  if (argv.includes('wait')) await told
  clearInterval(alive)
  return Number(argv.at(-1)) || 0
}
`

type Running = ChildProcessByStdio<null, Readable, Readable>

describe('bin/granary.js', () => {
  let folder = ''
  let started: Running[] = []

  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  const lay = async (kind: 'src' | 'dist', where = '.') => {
    const extension = kind === 'src' ? 'ts' : 'js'
    await write(join(where, 'package.json'), '{ "type": "module" }')
    await write(join(where, kind, `main.${extension}`), program(`${kind} server`))
    await write(join(where, kind, `cli/main.${extension}`), program(`${kind} cli`))
    await cp(resolve(import.meta.dirname, '../bin/granary.js'), join(folder, where, 'bin/granary.js'))
  }
  /** A Node.js that says it is an old one, as does none that it starts. */
  const asOld = async () => {
    await write('old.cjs', `Object.defineProperty(process, 'version', { value: 'v20.9.0' })`)
    return ['--require', join(folder, 'old.cjs')]
  }
  const pinNode = async () => {
    await mkdir(join(folder, 'node_modules/node/bin'), { recursive: true })
    await symlink(process.execPath, join(folder, 'node_modules/node/bin/node'))
  }
  const start = (args: readonly string[], { where = '.', node = [] as readonly string[] } = {}): Running => {
    const bin = join(folder, where, 'bin/granary.js')
    const child = spawn(process.execPath, [...node, bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    started.push(child)
    return child
  }
  const ended = async (child: Running) => {
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { code: code as number | null, stdout: stdout.trim(), stderr: stderr.trim() }
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'granary-bin-'))
  })
  afterEach(async () => {
    for (const child of started) child.kill('SIGKILL')
    started = []
    await rm(folder, { recursive: true, force: true })
  })

  it.each([
    ['serve', 'server'],
    ['config', 'server'],
    ['backup', 'server'],
    ['restore', 'server'],
    ['fsck', 'server'],
    ['recover-key', 'server'],
    ['token', 'cli'],
    ['--help', 'cli'],
    ['--version', 'cli'],
  ])('gives %s to the %s', async (command, to) => {
    await lay('src')
    expect(await ended(start([command, '--flag']))).toEqual({
      code: 0,
      stdout: `src ${to} ${command} --flag`,
      stderr: '',
    })
  })

  it.each(['--help', '-h'])('gives serve %s to the cli, which has all help', async (flag) => {
    await lay('src')
    expect(await ended(start(['serve', flag]))).toMatchObject({ code: 0, stdout: `src cli serve ${flag}` })
  })

  it('ends with the code that the program returns', async () => {
    await lay('src')
    expect(await ended(start(['token', '3']))).toMatchObject({ code: 3 })
  })

  it('runs the compiled files where there is no src', async () => {
    await lay('dist')
    expect(await ended(start(['serve']))).toMatchObject({ code: 0, stdout: 'dist server serve' })
  })

  it('runs the compiled files where it is installed, because Node strips no types there', async () => {
    const where = 'node_modules/granary'
    await lay('src', where)
    await lay('dist', where)
    expect(await ended(start(['whoami'], { where }))).toMatchObject({ code: 0, stdout: 'dist cli whoami' })
  })

  it('tells what a program that fails to load said', async () => {
    await lay('src')
    await write('src/main.ts', `throw new Error('broken wiring')`)
    expect(await ended(start(['serve']))).toMatchObject({ code: 1, stderr: expect.stringContaining('broken wiring') })
  })

  it('says in one line that an old Node.js will not do', async () => {
    await lay('src')
    const { code, stdout, stderr } = await ended(start(['serve'], { node: await asOld() }))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^granary needs Node\.js 24 or newer and this is v20\.9\.0 .*npm ci.*$/)
  })

  it('finds the pinned Node.js when started by an old one, and passes its exit code on', async () => {
    await lay('src')
    await pinNode()
    expect(await ended(start(['whoami', '7'], { node: await asOld() }))).toEqual({
      code: 7,
      stdout: 'src cli whoami 7',
      stderr: '',
    })
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'passes %s on to the pinned Node.js and waits for its end',
    async (signal) => {
      await lay('src')
      await pinNode()
      const child = start(['serve', 'wait', '5'], { node: await asOld() })
      await once(child.stdout, 'readable')
      child.kill(signal)
      expect(await ended(child)).toMatchObject({ code: 5, stdout: 'src server serve wait 5' })
    },
  )
})
