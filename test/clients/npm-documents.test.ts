import { createSign, generateKeyPairSync } from 'node:crypto'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ageIndexes } from '../support/aged-indexes.ts'
import type { ClientHome } from '../support/clients/home.ts'
import { commandOf, homeWith, requireNpmClient, type NpmClientName } from '../support/clients/npm-clients.ts'
import { run } from '../support/clients/run.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startRecordingProxy, type RecordingProxy } from '../support/recording-proxy.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'

// What the public registry says and smaller ones leave out, and whether it reaches the client: short documents, ETags, times,
// libc, signatures, attestations, tags. The upstream answers as the public one does.

const ABBREVIATED = 'application/vnd.npm.install-v1+json'

type Client = {
  readonly name: NpmClientName
  /** Which document it asks for when it resolves. */
  readonly asksFor: 'abbreviated' | 'full'
  /** Installs all of package.json. */
  readonly install: readonly string[]
  /** What it does about a document that it has already: it asks by the ETag, takes all of it again, or trusts it for a while. */
  readonly again: 'asks' | 'takes' | 'trusts'
  /** Binaries that are not for this machine and that it downloads all the same; none, if left out. */
  readonly downloads?: readonly string[]
  /** True: without being told it takes no version that is younger than a day or so. */
  readonly waits?: boolean
}

const QUIET_NPM = ['install', '--ignore-scripts', '--no-audit', '--no-fund']
const PNPM = ['install', '--ignore-scripts', '--no-frozen-lockfile']

const CLIENTS: readonly Client[] = [
  // npm takes full documents since it writes licences and libc into its lock file; `npm outdated` and others take short ones.
  { name: 'npm-10', asksFor: 'full', again: 'asks', install: QUIET_NPM },
  { name: 'npm-11', asksFor: 'full', again: 'asks', install: QUIET_NPM },
  { name: 'npm-12', asksFor: 'full', again: 'asks', install: QUIET_NPM },
  { name: 'pnpm-9', asksFor: 'abbreviated', again: 'takes', install: PNPM },
  { name: 'pnpm-10', asksFor: 'abbreviated', again: 'takes', install: PNPM },
  { name: 'pnpm-11', asksFor: 'abbreviated', again: 'asks', install: PNPM, waits: true },
  { name: 'pnpm-12', asksFor: 'abbreviated', again: 'trusts', install: PNPM, waits: true },
  {
    name: 'yarn-1',
    asksFor: 'abbreviated',
    again: 'takes',
    install: ['install', '--non-interactive'],
    // It does not know `libc`, and heeds `os` and `cpu` only when it unpacks.
    downloads: ['native-musl-1.0.0.tgz', 'native-windows-1.0.0.tgz'],
  },
  // It sends no Accept at all.
  { name: 'yarn-4', asksFor: 'full', again: 'asks', install: ['install', '--no-immutable'], waits: true },
  { name: 'bun', asksFor: 'abbreviated', again: 'asks', install: ['install'] },
  // It does not know `libc`.
  {
    name: 'deno',
    asksFor: 'full',
    again: 'trusts',
    install: ['install'],
    downloads: ['native-musl-1.0.0.tgz'],
    waits: true,
  },
]

/** Of one version, as `npm view` prints it. */
type Seen = { readonly dist: object; readonly 'dist-tags': object; readonly time: object }

const HOUR = 3_600_000
const ago = (ms: number) => new Date(Date.now() - ms).toISOString()
const OLD = '2024-01-01T00:00:00.000Z'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const KEY_ID = 'SHA256:a-key-of-the-tests'
const ATTESTATIONS = {
  url: 'https://upstream.example/-/npm/v1/attestations/hello@2.0.0',
  provenance: { predicateType: 'https://slsa.dev/provenance/v1' },
}

const sign = (name: string, version: string, integrity: string) => ({
  keyid: KEY_ID,
  sig: createSign('SHA256').update(`${name}@${version}:${integrity}`).sign(privateKey, 'base64'),
})

/** Publishes it twice: what is signed contains the digest of the tarball. */
async function publishSigned(upstream: NpmUpstream, release: Parameters<NpmUpstream['publish']>[0]): Promise<void> {
  const { integrity } = await upstream.publish(release)
  const signatures = [sign(release.name, release.version, integrity)]
  await upstream.publish({ ...release, dist: { ...release.dist, signatures } })
}

async function publishAll(upstream: NpmUpstream): Promise<void> {
  const hello = { name: 'hello', packageJson: { dependencies: { '@scope/word': '^1.0.0' } } }
  await upstream.publish({ ...hello, version: '1.0.0', time: OLD })
  await publishSigned(upstream, { ...hello, version: '2.0.0', time: OLD, dist: { attestations: ATTESTATIONS } })
  await upstream.publish({ ...hello, version: '3.0.0-rc.1', time: OLD, tag: 'next' })
  await upstream.publish({ name: '@scope/word', version: '1.0.0', time: OLD })
  await upstream.publish({ name: '@scope/word', version: '1.1.0', time: ago(HOUR) })
  const binaries = { glibc: 'native-gnu', musl: 'native-musl' }
  for (const [libc, name] of Object.entries(binaries)) {
    const machine = { os: ['linux'], cpu: [process.arch], libc: [libc] }
    await upstream.publish({ name, version: '1.0.0', packageJson: machine })
  }
  await upstream.publish({ name: 'native-windows', version: '1.0.0', packageJson: { os: ['win32'] } })
  const optionalDependencies = { 'native-gnu': '1.0.0', 'native-musl': '1.0.0', 'native-windows': '1.0.0' }
  await upstream.publish({ name: 'native', version: '1.0.0', packageJson: { optionalDependencies } })
  await publishSigned(upstream, {
    name: 'pnpm',
    version: '10.99.0',
    packageJson: { bin: { pnpm: 'bin/pnpm.cjs' } },
    files: { 'bin/pnpm.cjs': 'console.log("signed and started")' },
  })
}

describe('documents of the public registry', () => {
  let upstream: NpmUpstream
  let proxy: RecordingProxy
  let granary: Granary

  beforeAll(async () => {
    upstream = await startNpmUpstream()
    await publishAll(upstream)
    proxy = await startRecordingProxy()
    granary = await startGranary({
      env: { GRANARY_UPSTREAM_NPMJS: upstream.url, GRANARY_PUBLIC_URL: proxy.origin },
    })
    proxy.passTo(granary.url)
  })
  afterAll(async () => {
    await granary?.[Symbol.asyncDispose]()
    await proxy?.[Symbol.asyncDispose]()
    await upstream?.[Symbol.asyncDispose]()
  })

  /** A home that is logged in. */
  const loggedIn = async (name: NpmClientName, program: string): Promise<ClientHome> => {
    const command = commandOf(name)
    const home = await homeWith(name, program)
    const login = await granary.cli(home, 'login', command === 'deno' ? 'npm' : command)
    expect(login, login.stderr).toMatchObject({ code: 0 })
    proxy.forget()
    return home
  }
  /** The output of the client in a project with these dependencies. */
  const use = async (
    client: NpmClientName,
    home: ClientHome,
    args: readonly string[],
    dependencies: Readonly<Record<string, string>> = {},
  ) => {
    const project = await home.project('app')
    const files = {
      'package.json': JSON.stringify({ name: 'app', version: '1.0.0', private: true, dependencies }),
      ...(client === 'yarn-4' && { '.yarnrc.yml': 'nodeLinker: node-modules\nenableTelemetry: false\n' }),
    }
    for (const [file, text] of Object.entries(files)) await writeFile(join(project, file), text)
    const command = commandOf(client)
    const finished = await run(command, args, { cwd: project, env: home.env })
    expect(finished, `${command} ${args.join(' ')}\n${finished.stdout}\n${finished.stderr}`).toMatchObject({ code: 0 })
    return finished.stdout
  }
  const documentsOf = (path: RegExp) => proxy.passed.filter((one) => path.test(one.path))

  describe.each(CLIENTS)('as $name reads them', (client) => {
    it('are as long as it asks for, and are not sent again', async (context) => {
      const program = await requireNpmClient(context, client.name)
      await using home = await loggedIn(client.name, program)
      await use(client.name, home, client.install, { hello: '^2.0.0' })
      const first = documentsOf(/\/(hello|@scope(\/|%2f)word)$/i)
      const contentType = client.asksFor === 'abbreviated' ? ABBREVIATED : 'application/json'
      expect(first.length).toBeGreaterThanOrEqual(2)
      for (const { status, headers, answered, path } of first) {
        expect({ path, status, type: answered['content-type'] }).toEqual({ path, status: 200, type: contentType })
        expect(headers['accept']?.includes(ABBREVIATED) ?? false, path).toBe(client.asksFor === 'abbreviated')
      }
      const project = await home.project('app')
      for (const file of await readdir(project)) await rm(join(project, file), { recursive: true })
      proxy.forget()
      await use(client.name, home, client.install, { hello: '^2.0.0' })
      const again = documentsOf(/\/(hello|@scope(\/|%2f)word)$/i)
      expect(documentsOf(/./).filter(({ status }) => status >= 400)).toEqual([])
      const statuses = { asks: [304], takes: [200], trusts: [] }
      expect([...new Set(again.map(({ status }) => status))]).toEqual(statuses[client.again])
    })

    it('tell it about libc, tags and times', async (context) => {
      const program = await requireNpmClient(context, client.name)
      await using home = await loggedIn(client.name, program)
      await use(client.name, home, client.install, { hello: 'next', native: '1.0.0' })
      const tarballs = documentsOf(/\.tgz$/).map(({ path }) => path.slice(path.lastIndexOf('/') + 1))
      expect([...new Set(tarballs)].toSorted()).toEqual(
        [
          'hello-3.0.0-rc.1.tgz',
          'native-1.0.0.tgz',
          'native-gnu-1.0.0.tgz',
          ...(client.downloads ?? []),
          client.waits ? 'word-1.0.0.tgz' : 'word-1.1.0.tgz',
        ].toSorted(),
      )
    })
  })

  it('come from upstream once, and are asked about by their ETag when they are old', async (context) => {
    const program = await requireNpmClient(context, 'npm-12')
    await using home = await loggedIn('npm-12', program)
    await use('npm-12', home, QUIET_NPM, { hello: '^2.0.0' })
    upstream.requests.length = 0
    ageIndexes(granary.data, 48 * HOUR)
    await rm(join(home.folder, '.npm'), { recursive: true })
    await use('npm-12', home, ['view', 'hello', 'version'])
    expect(upstream.requests).toMatchObject([{ path: '/hello', headers: { 'if-none-match': /^"/ } }])
  })

  it('bring signatures, attestations, times and tags to npm as they were, in this registry’s name', async (context) => {
    const program = await requireNpmClient(context, 'npm-12')
    await using home = await loggedIn('npm-12', program)
    // npm 12 prints a list, also of one version.
    const [seen] = JSON.parse(
      await use('npm-12', home, ['view', 'hello@2.0.0', 'dist', 'dist-tags', 'time', '--json']),
    ) as [Seen]
    const published = (await (await fetch(`${upstream.url}hello`)).json()) as Seen & {
      readonly versions: Readonly<Record<string, Pick<Seen, 'dist'>>>
    }
    const { dist } = published.versions['2.0.0'] as Pick<Seen, 'dist'>
    expect(dist).toMatchObject({ signatures: [{ keyid: KEY_ID }], attestations: ATTESTATIONS })
    expect(seen).toEqual({
      dist: {
        ...dist,
        tarball: `${proxy.origin}/npm/local/main/hello/-/hello-2.0.0.tgz`,
        attestations: {
          ...ATTESTATIONS,
          url: `${proxy.origin}/npm/local/main/-/npm/v1/attestations/hello@2.0.0`,
        },
      },
      'dist-tags': published['dist-tags'],
      time: published.time,
    })
  })

  it('bring Corepack a signature that holds', async (context) => {
    const program = await requireNpmClient(context, 'corepack')
    await using home = await homeWith('corepack', program)
    const token = (await granary.cli(home, 'token')).stdout.trim()
    const project = await home.project('app')
    await writeFile(join(project, 'package.json'), '{"packageManager":"pnpm@10.99.0"}')
    const key = String(publicKey.export({ type: 'spki', format: 'pem' })).replaceAll(/-----[^-]+-----|\n/g, '')
    const corepack = (keyid: string) =>
      run('corepack', ['pnpm', '--version'], {
        cwd: project,
        env: {
          ...home.env,
          COREPACK_NPM_REGISTRY: `${proxy.origin}/npm/local/main/`,
          COREPACK_NPM_TOKEN: token,
          COREPACK_INTEGRITY_KEYS: JSON.stringify({ npm: [{ keyid, key, expires: null }] }),
        },
      })
    const refused = await corepack('SHA256:another')
    expect(refused.stderr + refused.stdout).toContain('not signed by any trusted keys')
    await rm(join(home.folder, '.cache'), { recursive: true, force: true })
    const started = await corepack(KEY_ID)
    expect(started, started.stderr).toMatchObject({ code: 0, stdout: 'signed and started\n' })
  })
})
