import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient, requirePythonModule } from '../support/clients/require-client.ts'
import { freePort } from '../support/free-port.ts'
import { startGranary } from '../support/granary.ts'
import { typePage } from '../support/typed-page.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'

const CHECKOUT = resolve(import.meta.dirname, '../..')
const PAGE = readFileSync(join(CHECKOUT, 'docs/events.md'), 'utf8')

/** What verifies, with what it needs. */
const LIBRARY = ['standardwebhooks', '@stablelib/base64', 'fast-sha256']

/** A package of this checkout's node_modules, as the public registry has it. */
async function publishInstalled(upstream: NpmUpstream, name: string): Promise<void> {
  const folder = join(CHECKOUT, 'node_modules', name)
  const packageJson = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
  const paths = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name !== 'package.json')
    .map((entry) => join(entry.parentPath, entry.name))
  const files = await Promise.all(
    paths.map(async (path) => [path.slice(folder.length + 1), await readFile(path)] as const),
  )
  await upstream.publish({ name, version: packageJson.version, packageJson, files: Object.fromEntries(files) })
}

/** Where a command of the page failed, the receiver that it started is still there. */
async function endReceiver(folder: string): Promise<void> {
  const pid = await readFile(join(folder, 'examples/webhook-receiver/receiver.pid'), 'utf8').catch(() => null)
  if (pid !== null) process.kill(Number(pid))
}

it('docs/events.md: every command works as it stands there, and a publish starts a build', async (context) => {
  await requireClient(context, 'npm')
  await requireClient(context, 'webhook')
  await using npmjs = await startNpmUpstream()
  for (const name of LIBRARY) await publishInstalled(npmjs, name)
  await using granary = await startGranary({
    env: { GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1' },
  })
  await using home = await clientHome()
  const port = await freePort()
  try {
    const { stdout } = await typePage('docs/events.md', granary, home, {
      examples: ['webhook-receiver'],
      instead: { '127.0.0.1:9000': `127.0.0.1:${port}`, '-port 9000': `-port ${port}` },
    })
    expect(stdout).toContain('Webhook Tested')
    expect(stdout).toContain('Building for npm acme hello 1.0.0 in main')
    expect(stdout).toContain('It matches.')
    expect(stdout).toMatch(/^State +disabled$/m)
  } finally {
    await endReceiver(await home.project('granary'))
  }
})

/** The only block of the page in that language. */
const programIn = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, 'm').exec(PAGE)?.[1] ?? ''

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

type Started = AsyncDisposable & { readonly url: string; readonly output: () => string }

async function startReceiver(
  home: ClientHome,
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<Started> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/`
  const env = { ...home.env, PORT: String(port), WEBHOOK_SECRET: SECRET, PYTHONUNBUFFERED: '1' }
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const written: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => void written.push(String(chunk)))
  const answers = () =>
    fetch(url, { method: 'POST', body: '' }).then(
      () => true,
      () => false,
    )
  await expect.poll(answers, { timeout: 20_000, message: `${command} does not listen` }).toBe(true)
  return {
    url,
    output: () => written.join(''),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolved) => child.once('close', resolved))
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function expectToVerify({ url, output }: Started): Promise<void> {
  const body = JSON.stringify({
    type: 'package_version.created',
    timestamp: new Date().toISOString(),
    data: { detail: { packageName: 'hellö' } },
  })
  const id = crypto.randomUUID()
  const send = async (at: Date, sent = body) => {
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(SECRET).sign(id, at, body),
    }
    return (await fetch(url, { method: 'POST', headers, body: sent })).status
  }
  const now = new Date()
  expect(await send(now)).toBe(204)
  expect(await send(now, body.replace('created', 'deleted'))).toBe(400)
  expect(await send(new Date(now.getTime() - 10 * 60_000))).toBe(400)
  await expect.poll(output).toMatch(/package_version\.created.*hellö/)
}

it('docs/events.md: the receiver in JavaScript verifies', async () => {
  await using home = await clientHome()
  const folder = await home.project('receiver')
  await mkdir(join(folder, 'node_modules', '@stablelib'), { recursive: true })
  for (const name of LIBRARY)
    await cp(join(CHECKOUT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true })
  await writeFile(join(folder, 'receiver.mjs'), programIn('js'))
  await using receiver = await startReceiver(home, process.execPath, ['receiver.mjs'], folder)
  await expectToVerify(receiver)
})

it('docs/events.md: the receiver in Python verifies', async (context) => {
  await using home = await clientHome()
  await requirePythonModule(context, home, 'standardwebhooks')
  const folder = await home.project('receiver')
  await writeFile(join(folder, 'receiver.py'), programIn('python'))
  await using receiver = await startReceiver(home, 'python3', ['receiver.py'], folder)
  await expectToVerify(receiver)
})
