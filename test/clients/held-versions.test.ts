import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { commandOf, homeWith, requireNpmClient, type NpmClientName } from '../support/clients/npm-clients.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { oneLine, run } from '../support/clients/run.ts'
import { rulesIn } from '../support/rules.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// Whoever asks for a held version is told why, as far as the client lets a registry speak. What each shows is in docs/npm.md and docs/pypi.md.

const REASON = 'Steals tokens; see SEC-42'

let npmjs: NpmUpstream
let pypi: PypiUpstream
let registry: TestRegistry
const rules = rulesIn(() => registry)

beforeAll(async () => {
  npmjs = await startNpmUpstream()
  pypi = await startPypiUpstream()
  for (const version of ['1.0.0', '1.1.0']) {
    await npmjs.publish({ name: 'risky', version })
    await pypi.publish({ name: 'risky', version })
  }
  await npmjs.publish({ name: 'alone', version: '2.0.0' })
  await pypi.publish({ name: 'alone', version: '2.0.0' })
  registry = await startRegistry({ GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await npmjs[Symbol.asyncDispose]()
  await pypi[Symbol.asyncDispose]()
})

async function hold(): Promise<void> {
  const packages = (['npm', 'pypi'] as const).flatMap((format) => [
    { format, package: 'risky', versions: ['1.1.0'] },
    { format, package: 'alone' },
  ])
  await rules.add({ kind: 'deny-list', packages, reason: REASON })
}

type Told = 'the reason' | RegExp
type Client = {
  readonly name: NpmClientName
  readonly install: readonly string[]
  /** From the lock file, into an empty folder. */
  readonly frozen: readonly string[]
  /** Held, and alone in fitting what is asked for: npm alone lets a registry say why there is no such version. */
  readonly noVersion: Told
  /** A package all of whose versions are held. */
  readonly noPackage: Told
  /** The tarball that a lock file names. */
  readonly locked: Told
}

const NO_REASON = /403/
const npm = (name: NpmClientName): Client => ({
  name,
  install: ['install', '--no-audit', '--no-fund'],
  frozen: ['ci', '--no-audit', '--no-fund'],
  noVersion: 'the reason',
  noPackage: 'the reason',
  locked: 'the reason',
})
/** `locked`: newer ones look in the document whether it has the locked version, before they ask for the tarball. */
const pnpm = (name: NpmClientName, told: Told, locked = told): Client => ({
  name,
  install: ['install'],
  frozen: ['install', '--frozen-lockfile'],
  noVersion: /No matching version found for risky/,
  noPackage: told,
  locked,
})

const CLIENTS: readonly Client[] = [
  npm('npm-10'),
  npm('npm-11'),
  npm('npm-12'),
  pnpm('pnpm-9', 'the reason'),
  pnpm('pnpm-10', 'the reason'),
  pnpm('pnpm-11', 'the reason', /version not present in registry manifest/),
  pnpm('pnpm-12', NO_REASON, /version not present in registry manifest/),
  {
    name: 'yarn-1',
    install: ['install', '--non-interactive'],
    frozen: ['install', '--frozen-lockfile', '--non-interactive'],
    noVersion: /Couldn't find any versions for "risky"/,
    noPackage: 'the reason',
    locked: NO_REASON,
  },
  {
    name: 'yarn-4',
    install: ['install', '--no-immutable'],
    frozen: ['install', '--immutable'],
    noVersion: /risky@npm.*: No candidates found/,
    noPackage: NO_REASON,
    locked: NO_REASON,
  },
  {
    name: 'bun',
    install: ['install'],
    frozen: ['install', '--frozen-lockfile'],
    noVersion: /No version matching "\^?1\.1\.0" found for specifier "risky"/,
    noPackage: NO_REASON,
    locked: NO_REASON,
  },
]

async function logIn(home: ClientHome, project: string): Promise<void> {
  const endpoint = `${registry.url}/npm/local/main/`
  const npmrc = `registry=${endpoint}\n${endpoint.replace('http:', '')}:_authToken=${registry.token}\nalways-auth=true\n`
  await writeFile(join(home.folder, '.npmrc'), npmrc)
  const yarnrc = [
    `npmRegistryServer: ${endpoint}`,
    `npmAuthToken: ${registry.token}`,
    'npmAlwaysAuth: true',
    'unsafeHttpWhitelist: [127.0.0.1]',
    'enableTelemetry: false',
    'nodeLinker: node-modules',
  ]
  await writeFile(join(project, '.yarnrc.yml'), yarnrc.join('\n'))
}

const wants = (project: string, dependencies: Readonly<Record<string, string>>) =>
  writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'app', version: '1.0.0', private: true, dependencies }),
  )

describe.each(CLIENTS)('$name', (client) => {
  const { name } = client
  const expectTold = (output: string, told: Told) =>
    told === 'the reason' ? expect(oneLine(output)).toContain(REASON) : expect(oneLine(output)).toMatch(told)

  const runIn = (home: ClientHome, project: string, args: readonly string[]) =>
    run(commandOf(name), args, { cwd: project, env: home.env })

  it.for([
    ['a held version', { risky: '1.1.0' }, 'noVersion'],
    ['a range that only a held version fits', { risky: '^1.1.0' }, 'noVersion'],
    ['a package whose only version is held', { alone: '2.0.0' }, 'noPackage'],
  ] as const)('is told why it cannot have %s', async ([, dependencies, told], context) => {
    await using home = await homeWith(name, await requireNpmClient(context, name))
    await hold()
    const project = await home.project('app')
    await logIn(home, project)
    await wants(project, dependencies)
    const { code, stdout, stderr } = await runIn(home, project, client.install)
    expect(code, stdout + stderr).not.toBe(0)
    expectTold(stdout + stderr, client[told])
  })

  it('installs an older version where the range allows it, without a word', async (context) => {
    await using home = await homeWith(name, await requireNpmClient(context, name))
    await hold()
    const project = await home.project('app')
    await logIn(home, project)
    await wants(project, { risky: '^1.0.0' })
    const { code, stdout, stderr } = await runIn(home, project, client.install)
    expect(code, stdout + stderr).toBe(0)
    expect(await versionIn(project)).toBe('1.0.0')
    // The reason travels in a header that clients pass over in an answer that they keep: an install is not noisy.
    expect(stdout + stderr).not.toContain(REASON)
  })

  it('is told why it cannot have a held version of its lock file', async (context) => {
    const program = await requireNpmClient(context, name)
    await using before = await homeWith(name, program)
    const made = await before.project('app')
    await logIn(before, made)
    await wants(made, { risky: '1.1.0' })
    const first = await runIn(before, made, client.install)
    expect(first.code, first.stdout + first.stderr).toBe(0)
    await hold()
    await using home = await homeWith(name, program)
    const project = await home.project('app')
    await cp(made, project, { recursive: true, filter: (path) => !/node_modules|\.yarn(?!rc)|\.pnp/.test(path) })
    await logIn(home, project)
    const { code, stdout, stderr } = await runIn(home, project, client.frozen)
    expect(code, stdout + stderr).not.toBe(0)
    expectTold(stdout + stderr, client.locked)
  })
})

const versionIn = async (project: string): Promise<unknown> =>
  (JSON.parse(await readFile(join(project, 'node_modules/risky/package.json'), 'utf8')) as { version: string }).version

describe.each(['pip', 'uv'] as const)('%s', (name) => {
  const setUp = async (context: Parameters<typeof requireClient>[0]) => {
    const client = await requireClient(context, name)
    const home = await clientHome()
    const index = `${registry.url.replace('://', `://aws:${registry.token}@`)}/pypi/local/main/simple/`
    const target = join(home.folder, 'target')
    const install = name === 'pip' ? ['install', '--no-cache-dir'] : ['pip', 'install', '--no-cache']
    const args = [...install, '--index-url', index, '--target', target]
    return {
      install: async (...what: string[]) => {
        const { code, stdout, stderr } = await client(home, [...args, ...what])
        return { code, output: oneLine(stdout + stderr) }
      },
      [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
    }
  }

  it('is told why it cannot have a file by its address', async (context) => {
    await using user = await setUp(context)
    const answer = await registry.fetch('/pypi/local/main/simple/risky/', {
      headers: { accept: 'application/vnd.pypi.simple.v1+json' },
    })
    const { files } = (await answer.json()) as { files: { url: string; filename: string }[] }
    const url = files.find(({ filename }) => filename.includes('1.1.0'))?.url ?? ''
    await hold()
    const { code, output } = await user.install(`risky @ ${url.replace('://', `://aws:${registry.token}@`)}`)
    expect(code, output).not.toBe(0)
    expect(output).toContain(REASON)
  })

  it('is told that it cannot have a project all of whose versions are held', async (context) => {
    await using user = await setUp(context)
    await hold()
    const { code, output } = await user.install('alone')
    expect(code, output).not.toBe(0)
    expect(output).toMatch(
      name === 'pip' ? /No matching distribution found for alone/ : /returned a 403 Forbidden error/,
    )
    // Both keep the reason for people who look closer.
    expect((await user.install('-vv', 'alone')).output).toContain(name === 'pip' ? REASON : '403 Forbidden')
  })

  it('is told only that there is no such version of a held one, and installs an older one', async (context) => {
    await using user = await setUp(context)
    await hold()
    const { code, output } = await user.install('risky==1.1.0')
    expect(code, output).not.toBe(0)
    expect(output).toMatch(/no version of risky==1\.1\.0|No matching distribution found for risky==1\.1\.0/)
    expect(await user.install('risky')).toMatchObject({ code: 0 })
  })
})
