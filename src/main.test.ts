import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { main } from './main.ts'

vi.setConfig({ testTimeout: 30_000 })

const MAIN = pathToFileURL(resolve(import.meta.dirname, 'main.ts')).href

let folder = ''
let children: ChildProcess[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'granary-main-'))
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children = []
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** `granary serve` in a process of its own, with `also` running beside it. */
function serve(args: readonly string[], also = '') {
  const program = `
    const { main } = await import(${JSON.stringify(MAIN)})
    const ended = main(['serve', ...process.argv.slice(1)])
    ${also}
    process.exit(await ended)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, '--', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' },
  })
  children.push(child)
  const told = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return {
    child,
    /** Its first line on standard output. */
    serving: once(child.stdout, 'data').then(([line]) => String(line)),
    ended: told.then(([stdout, stderr, [code]]) => ({ stdout, stderr, code: code as number | null })),
  }
}
const data = (name = 'data') => ['--port', '0', '--data', join(folder, name)]

describe('a server that cannot start says why in one line', () => {
  /** What it says, and the code that it ends with. */
  const failToServe = async (args: readonly string[]) => {
    let said = ''
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
      said += String(line)
      return true
    })
    try {
      return { code: await main(['serve', '--log-level', 'silent', ...args]), said }
    } finally {
      write.mockRestore()
    }
  }

  it('where its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, said } = await failToServe(['--data', join(folder, 'data'), '--port', String(port)])
    other.close()
    expect(said).toBe(
      `granary: Port ${port} of 127.0.0.1 is taken, perhaps by another Granary: choose one with --port\n`,
    )
    expect(code).toBe(2)
  })

  it.each<[string, () => Promise<readonly string[]>, RegExp]>([
    [
      'its data folder is a file',
      async () => {
        await writeFile(join(folder, 'data'), '')
        return data()
      },
      /^granary: The data folder \S+ cannot be used: \S+: .*\n$/,
    ],
    [
      'its data folder would lie below a file',
      async () => {
        await writeFile(join(folder, 'file'), '')
        return data('file/data')
      },
      /^granary: The data folder \S+ cannot be used: \S+: .*\n$/,
    ],
    [
      'its master key is none',
      async () => {
        await mkdir(join(folder, 'data'))
        await writeFile(join(folder, 'data/master.key'), 'too short')
        return data()
      },
      /^granary: The master key cannot be used: .*\n$/,
    ],
    [
      'its database is none',
      async () => {
        await mkdir(join(folder, 'data'))
        await writeFile(join(folder, 'data/granary.db'), 'a text that is no database'.repeat(100))
        return data()
      },
      /^granary: \S+granary\.db .*\n$/,
    ],
    [
      'a folder of it is a file',
      async () => {
        await mkdir(join(folder, 'data'))
        await writeFile(join(folder, 'data/kept'), '')
        return data()
      },
      /^granary: EEXIST: .*kept'\n$/,
    ],
    [
      'a proxy is no address',
      async () => [...data(), '--trusted-proxies', '10.0.0.0/8,proxy'],
      /^granary: .*"proxy".*\n$/,
    ],
    [
      'its host is none of this machine',
      async () => [...data(), '--host', '203.0.113.77'],
      /^granary: 203\.0\.113\.77 .*\n$/,
    ],
    ['a setting is unknown', async () => [...data(), '--prot', '1'], /^granary: .*--prot.*\n$/],
  ])('where %s', async (_, prepare, expected) => {
    const { code, said } = await failToServe(await prepare())
    expect(said).toMatch(expected)
    expect(code).toBeGreaterThan(0)
  })
})

describe('a server that is told to stop', () => {
  it('once, by several who pass on the same wish, ends well', async () => {
    const { child, serving, ended } = serve(data())
    expect(await serving).toContain('"msg":"serving"')
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) child.kill(signal)
    const { code, stdout, stderr } = await ended
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.match(/"msg":"stopping"/g)).toHaveLength(1)
  })

  it('again later, by somebody who has lost patience, ends at once', async () => {
    const { child, serving, ended } = serve(data())
    const { url } = JSON.parse(await serving) as { url: string }
    // A request whose body never ends keeps it from stopping.
    const request = httpRequest(`${url}/api/accounts`, {
      method: 'POST',
      headers: { 'content-length': 100 },
    })
    request.on('error', () => {})
    request.write('{')
    await delay(200)
    child.kill('SIGTERM')
    await delay(1_300)
    expect(child.exitCode).toBeNull()
    child.kill('SIGTERM')
    const begun = performance.now()
    expect((await ended).code).toBe(1)
    expect(performance.now() - begun).toBeLessThan(5_000)
  })
})

it.each([
  ['thrown', 'setTimeout(() => { throw new Error("nobody expected this") }, 100)'],
  ['rejected', 'setTimeout(() => void Promise.reject(new Error("nobody expected this")), 100)'],
])('what is %s and nobody catches is logged, and ends the server', async (_, also) => {
  const { ended } = serve(data(), `await new Promise((resolve) => setTimeout(resolve, 1500)); ${also}`)
  const { code, stdout } = await ended
  expect(code).toBe(1)
  const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>
  expect(last).toMatchObject({ level: 'fatal', error: { message: 'nobody expected this' } })
})

const hasIpv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === '::1'))
it.runIf(hasIpv6)('a server on the other loopback address says where it really is', async () => {
  const { child, serving, ended } = serve([...data(), '--host', '::1'])
  const { url } = JSON.parse(await serving) as { url: string }
  expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/)
  expect((await fetch(`${url}/-/live`)).status).toBe(200)
  child.kill('SIGTERM')
  expect((await ended).code).toBe(0)
})
