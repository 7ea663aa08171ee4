import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient, type Client } from '../support/clients/require-client.ts'
import { freePort } from '../support/free-port.ts'
import type { Granary } from '../support/granary.ts'
import { startServers } from '../support/servers.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'

const CHECKOUT = resolve(import.meta.dirname, '../..')
const RECEIVER = join(CHECKOUT, 'examples', 'webhook-receiver')

/** What the example's build.sh leaves to the reader: a build that installs the version that it was told of. */
const BUILD = `#!/bin/sh
set -eu
name=$PACKAGE_NAME
test -z "$PACKAGE_NAMESPACE" || name="@$PACKAGE_NAMESPACE/$name"
mkdir -p "$HOME/app-$PACKAGE_VERSION" && cd "$HOME/app-$PACKAGE_VERSION"
npm install --no-audit --no-fund "$name@$PACKAGE_VERSION" >&2
echo "built with $(node -p "require('$name')")"
`

const PATTERN = JSON.stringify({
  'detail-type': ['CodeArtifact Package Version State Change'],
  detail: {
    operationType: ['Created'],
    repositoryName: ['main'],
    $or: [{ packageNamespace: ['acme'] }, { packageName: [{ prefix: 'public-' }] }],
  },
})

type Delivery = { id: string; state: string; event: string; eventType: string }
type Shown = Delivery & { history: { at: string; succeeded: boolean; status: number | null }[] }

/** Debian's `webhook` with the example's hook, in a folder of a build machine, on a port that stays its own while it is down. */
async function buildMachine(home: ClientHome) {
  const folder = join(home.folder, 'receiver')
  await cp(RECEIVER, folder, { recursive: true, filter: (path) => !path.includes('node_modules') })
  for (const name of ['standardwebhooks', '@stablelib/base64', 'fast-sha256'])
    await cp(join(CHECKOUT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true })
  await writeFile(join(folder, 'build.sh'), BUILD)
  await chmod(join(folder, 'build.sh'), 0o755)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/hooks/granary`
  let child: ChildProcess | undefined
  return {
    url,
    setSecret: (secret: string) => writeFile(join(folder, 'secret'), `${secret}\n`),
    async start() {
      const args = ['-hooks', 'hooks.json', '-ip', '127.0.0.1', '-port', String(port)]
      child = spawn('webhook', args, { cwd: folder, env: home.env, stdio: 'ignore' })
      const answers = () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        )
      await expect.poll(answers, { timeout: 10_000 }).toBe(true)
    },
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
    log: () => readFile(join(folder, 'build.log'), 'utf8').catch(() => ''),
    /** Ids of the events that started a build. */
    seen: () => readdir(join(folder, 'seen')).catch(() => [] as string[]),
    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
}

async function publishHello(npm: Client, home: ClientHome, version: string): Promise<void> {
  const hello = await home.project(`hello-${version}`)
  await writeFile(join(hello, 'package.json'), JSON.stringify({ name: '@acme/hello', version }))
  await writeFile(join(hello, 'index.js'), `module.exports = "hello ${version}"\n`)
  const published = await npm(home, ['publish'], { cwd: hello })
  expect(published, published.stderr).toMatchObject({ code: 0 })
}

describe.each([
  { store: 'SQLite', processes: 1 },
  { store: 'PostgreSQL', processes: 2 },
] as const)('a pipeline behind a webhook of $processes server process(es) on $store', ({ store, processes }) => {
  it('rebuilds with each new version, also one that came while it and all of Granary were down', async (context) => {
    const npm = await requireClient(context, 'npm')
    await requireClient(context, 'webhook')
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'public-thing', version: '3.2.1' })
    await using servers = await startServers(store, processes, {
      GRANARY_UPSTREAM_NPMJS: upstream.url,
      GRANARY_ALLOW_PRIVATE_TARGETS: '127.0.0.1',
    })
    const here = servers.all[0] as Granary
    await using operator = await clientHome()
    await using builder = await clientHome()
    for (const home of [operator, builder]) {
      const login = await here.cli(home, 'login', 'npm')
      expect(login, login.stderr).toMatchObject({ code: 0 })
    }
    await using machine = await buildMachine(builder)
    type Made = { id: string; secret: string }
    const webhook = await here.json<Made>(operator, 'webhook', 'create', machine.url, '--pattern', PATTERN)
    await machine.setSecret(webhook.secret)
    await machine.start()
    const deliveries = async () => {
      type Page = { deliveries: Delivery[] }
      return (await here.json<Page>(operator, 'deliveries', 'list', '--webhook', webhook.id)).deliveries
    }
    const show = ({ id }: Delivery) => here.json<Shown>(operator, 'deliveries', 'show', id)

    // Each publish starts a build that installs what was published.
    for (const version of ['1.0.0', '1.1.0']) {
      await publishHello(npm, operator, version)
      await expect.poll(machine.log, { timeout: 30_000 }).toContain(`built with hello ${version}`)
    }
    // The newest first. By the server's own clock, from the publish to the attempt, however slow this machine is.
    const [newest] = await deliveries()
    const shown = await show(newest as Delivery)
    expect(shown).toMatchObject({ state: 'delivered', history: [{ succeeded: true, status: 200 }] })
    const { time } = await here.json<{ time: string }>(operator, 'events', 'show', shown.event)
    expect(Date.parse(shown.history[0]?.at ?? '') - Date.parse(time)).toBeLessThan(5_000)

    // What comes from upstream for the first time is a new version as well.
    const app = await operator.project('app')
    await writeFile(join(app, 'package.json'), '{"name":"app","version":"1.0.0"}')
    const installed = await npm(operator, ['install', 'public-thing'], { cwd: app })
    expect(installed, installed.stderr).toMatchObject({ code: 0 })
    await expect.poll(machine.log, { timeout: 30_000 }).toContain('built with public-thing@3.2.1')

    // Nobody else starts a build, and a delivery that the receiver does not believe is none.
    const forged = await fetch(machine.url, { method: 'POST', body: '{"type":"package_version.created"}' })
    expect(forged.status).toBe(500)
    await machine.setSecret(`whsec_${Buffer.alloc(32).toString('base64')}`)
    await publishHello(npm, operator, '1.2.0')
    const unbelieved = async () => {
      const [last] = await deliveries()
      const { state, history } = await show(last as Delivery)
      return { state, status: history[0]?.status ?? null }
    }
    await expect.poll(unbelieved, { timeout: 10_000 }).toEqual({ state: 'pending', status: 500 })
    expect(await machine.seen()).toHaveLength(3)
    await machine.setSecret(webhook.secret)
    await expect.poll(machine.log, { timeout: 60_000 }).toContain('built with hello 1.2.0')

    // The receiver is down, and then all of Granary is killed.
    await machine.stop()
    await publishHello(npm, operator, '1.3.0')
    await Promise.all(servers.all.map((granary) => granary.kill()))
    await Promise.all(servers.all.map((granary) => granary.restart()))
    await machine.start()
    await expect.poll(machine.log, { timeout: 90_000, interval: 500 }).toContain('built with hello 1.3.0')

    // Once each: five versions, five events.
    const all = await deliveries()
    expect(all.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'delivered'))
    expect((await machine.seen()).toSorted()).toEqual(all.map(({ event }) => event).toSorted())
  })
})
