import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ageIndexes } from '../support/aged-indexes.ts'
import { onTheOpenNetwork, readMachineRegistry } from '../support/clients/machine-registry.ts'
import type { ClientHome } from '../support/clients/home.ts'
import { binaryFamilies, foreignTo, installedIn, LOAD_APP, writeApp } from '../support/clients/npm-app.ts'
import { commandOf, homeWith, requireNpmClient, type NpmClientName } from '../support/clients/npm-clients.ts'
import { run } from '../support/clients/run.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startMirror, type Mirror } from '../support/mirror/start.ts'

const DAY = 24 * 3_600_000
const ANY_REGISTRY = 'http://registry.example/'

type Client = {
  readonly name: NpmClientName
  readonly lockFile: string
  /** Resolves, writes the lock file and installs. */
  readonly install: readonly string[]
  /** Installs what the lock file says, and fails where that does not do. */
  readonly frozen: readonly string[]
  /** Resolves and writes the lock file; the same as `install` where the client has no such thing. */
  readonly lockOnly: readonly string[]
  readonly files?: Readonly<Record<string, string>>
  /** When only the binaries of this machine's libc are installed; always, if left out. */
  readonly heedsLibc?: 'resolving' | 'never'
  /** Takes from a lock file what the client writes only of the public registry, or only of others. */
  readonly withoutHost?: (lock: string) => string
  /** What a person must do to a lock file that was made without Granary, before it installs from there; nothing, if left out. */
  readonly moveLock?: (lock: string, endpoint: string) => string
}

// Install scripts stay off: what they would build or check is not the registry's.
const npm = (name: NpmClientName): Client => {
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']
  const install = ['install', ...quiet]
  return {
    name,
    lockFile: 'package-lock.json',
    install,
    frozen: ['ci', ...quiet],
    lockOnly: [...install, '--package-lock-only'],
  }
}

const pnpm = (name: NpmClientName): Client => {
  const install = ['install', '--ignore-scripts']
  return {
    name,
    lockFile: 'pnpm-lock.yaml',
    install,
    frozen: [...install, '--frozen-lockfile'],
    lockOnly: [...install, '--lockfile-only'],
  }
}

const YARN_1_ADDRESS = /https?:\/\/[^"]+?\/(?=(?:@[^/"]+\/)?[^/"@]+\/-\/)/g
const yarn1Install = ['install', '--ignore-scripts', '--non-interactive', '--no-progress']

const CLIENTS: readonly Client[] = [
  // It reads `libc` in documents, and does not write it into its lock file.
  { ...npm('npm-10'), heedsLibc: 'resolving' },
  npm('npm-11'),
  npm('npm-12'),
  pnpm('pnpm-9'),
  pnpm('pnpm-10'),
  pnpm('pnpm-11'),
  pnpm('pnpm-12'),
  {
    name: 'yarn-1',
    lockFile: 'yarn.lock',
    install: yarn1Install,
    frozen: [...yarn1Install, '--frozen-lockfile'],
    lockOnly: yarn1Install,
    // It does not know the member `libc`.
    heedsLibc: 'never',
    // The public registry has another name in it, Yarn's own; and what is written there is where it downloads from.
    withoutHost: (lock) => lock.replaceAll(YARN_1_ADDRESS, ANY_REGISTRY),
    moveLock: (lock, endpoint) => lock.replaceAll(YARN_1_ADDRESS, endpoint),
  },
  {
    name: 'yarn-4',
    lockFile: 'yarn.lock',
    install: ['install', '--mode=skip-build', '--no-immutable'],
    frozen: ['install', '--mode=skip-build', '--immutable'],
    lockOnly: ['install', '--mode=update-lockfile'],
    files: { '.yarnrc.yml': 'nodeLinker: node-modules\nenableTelemetry: false\n' },
  },
  {
    name: 'bun',
    lockFile: 'bun.lock',
    install: ['install', '--ignore-scripts'],
    frozen: ['install', '--ignore-scripts', '--frozen-lockfile'],
    lockOnly: ['install', '--ignore-scripts', '--lockfile-only'],
    // No address stands for the public registry.
    withoutHost: (lock) => lock.replaceAll(/"http:\/\/registry\.example\/[^"]*"/g, '""'),
  },
  {
    name: 'deno',
    lockFile: 'deno.lock',
    install: ['install'],
    frozen: ['install', '--frozen'],
    lockOnly: ['install', '--lockfile-only'],
    // It does not know the member `libc`.
    heedsLibc: 'never',
    // Only addresses of others than the public registry are written down.
    withoutHost: (lock) => lock.replaceAll(/,\n *"tarball": "[^"]*"/g, ''),
  },
]

describe('an application of 300 packages', () => {
  let folder: string
  let machineRegistry: string
  let mirror: Mirror

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'granary-mirror-'))
    machineRegistry = await readMachineRegistry()
    mirror = await startMirror(folder, machineRegistry)
  })
  afterAll(async () => {
    await mirror?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  describe.each(CLIENTS)('with $name', (client) => {
    const command = commandOf(client.name)
    const tool = command === 'deno' ? 'npm' : command
    let granary: Granary
    /** Made against the machine's own registry, and made through Granary. */
    let directLock: string
    let lock: string

    beforeAll(async () => {
      granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: mirror.registry } })
    })
    afterAll(() => granary?.[Symbol.asyncDispose]())

    const endpoint = () => `${granary.url}/npm/local/main/`
    const use = async (home: ClientHome, project: string, args: readonly string[], env = home.env) => {
      const finished = await run(command, args, { cwd: project, env, timeout: 240_000 })
      expect(finished, `${command} ${args.join(' ')}\n${finished.stdout}\n${finished.stderr}`).toMatchObject({
        code: 0,
      })
    }
    /** On a machine where the client never ran: logs in, installs, and gives the lock file that is there in the end. */
    const installOnNewMachine = async (program: string, args: readonly string[], givenLock?: string) => {
      await using home = await homeWith(client.name, program)
      const login = await granary.cli(home, 'login', tool)
      expect(login, login.stderr).toMatchObject({ code: 0 })
      const project = await home.project('app')
      await writeApp(project, { ...client.files, ...(givenLock !== undefined && { [client.lockFile]: givenLock }) })
      await use(home, project, args)
      const installed = await installedIn(project)
      expect(installed.length).toBeGreaterThan(250)
      expect(binaryFamilies(installed)).toHaveLength(4)
      const heedsLibc = client.heedsLibc === undefined || (client.heedsLibc === 'resolving' && args === client.install)
      expect(foreignTo(installed, heedsLibc)).toEqual([])
      const loaded = await run(process.execPath, LOAD_APP, { cwd: project, env: home.env })
      expect(loaded, loaded.stderr).toMatchObject({ code: 0, stdout: 'loaded\n' })
      return readFile(join(project, client.lockFile), 'utf8')
    }
    const withoutHost = (text: string) => {
      const neutral = text.replaceAll(endpoint(), ANY_REGISTRY).replaceAll(machineRegistry, ANY_REGISTRY)
      return client.withoutHost?.(neutral) ?? neutral
    }

    it('locks the same as directly, and installs from an empty Granary', async (context) => {
      const program = await requireNpmClient(context, client.name)
      await using home = await homeWith(client.name, program)
      const project = await home.project('app')
      await writeApp(project, client.files)
      const env = await onTheOpenNetwork(home, machineRegistry)
      await use(home, project, client.lockOnly, env)
      directLock = await readFile(join(project, client.lockFile), 'utf8')
      lock = await installOnNewMachine(program, client.install)
      expect(withoutHost(lock)).toBe(withoutHost(directLock))
    })

    it('installs from its lock file', async (context) => {
      const program = await requireNpmClient(context, client.name)
      expect(await installOnNewMachine(program, client.frozen, lock)).toBe(lock)
    })

    it('resolves and installs with the upstream down', async (context) => {
      const program = await requireNpmClient(context, client.name)
      // So old that Granary asks before it answers.
      ageIndexes(granary.data, 2 * DAY)
      await mirror.setOutage(true)
      try {
        expect(await installOnNewMachine(program, client.install)).toBe(lock)
      } finally {
        await mirror.setOutage(false)
      }
    })

    it('installs from a lock file that was made without Granary', async (context) => {
      const program = await requireNpmClient(context, client.name)
      const moved = client.moveLock?.(directLock, endpoint()) ?? directLock
      expect(withoutHost(await installOnNewMachine(program, client.frozen, moved))).toBe(withoutHost(lock))
    })
  })

  describe('with a package manager that Corepack fetches', () => {
    let granary: Granary

    beforeAll(async () => {
      granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: mirror.registry } })
    })
    afterAll(() => granary?.[Symbol.asyncDispose]())

    const start = async (program: string, packageManager: string) => {
      await using home = await homeWith('corepack', program)
      const project = await home.project('app')
      await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'app', packageManager }))
      const token = await granary.cli(home, 'token')
      const [command = ''] = packageManager.split('@')
      return await run('corepack', [command, '--version'], {
        cwd: project,
        env: {
          ...home.env,
          COREPACK_NPM_REGISTRY: `${granary.url}/npm/local/main`,
          COREPACK_NPM_TOKEN: token.stdout.trim(),
          // Not every mirror of the public registry has its signatures; npm-documents.test.ts has Corepack check one.
          COREPACK_INTEGRITY_KEYS: '0',
        },
      })
    }

    it.for([
      ['npm', '11.21.2'],
      ['pnpm', '10.34.9'],
      ['yarn', '1.22.22'],
      // Another package, `@yarnpkg/cli-dist`.
      ['yarn', '4.18.1'],
    ])('starts %s %s, and again with the upstream down', async ([command, version], context) => {
      const program = await requireNpmClient(context, 'corepack')
      const first = await start(program, `${command}@${version}`)
      expect(first, first.stderr).toMatchObject({ code: 0, stdout: `${version}\n` })
      ageIndexes(granary.data, 2 * DAY)
      await mirror.setOutage(true)
      try {
        const again = await start(program, `${command}@${version}`)
        expect(again, again.stderr).toMatchObject({ code: 0, stdout: `${version}\n` })
      } finally {
        await mirror.setOutage(false)
      }
    })
  })
})
