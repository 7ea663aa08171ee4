import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { clientHome, type ClientHome } from '../../test/support/clients/home.ts'
import { run } from '../../test/support/clients/run.ts'
import type { Mirror } from '../../test/support/mirror/start.ts'
import type { Peer } from '../peers/peer.ts'
import { startPeers } from '../peers/start.ts'
import { median, ratioTo, round, target, type Row } from '../report.ts'
import type { Case } from './bench-case.ts'

const manifest = resolve(import.meta.dirname, '../install/package.json')
/** Stands in the kept lock file for whichever registry is measured. */
const ANY_REGISTRY = 'http://registry.example/'
const TIMEOUT_MS = 300_000
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

async function npm(home: ClientHome, cwd: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await run('npm', [...args, ...QUIET], { cwd, env: home.env, timeout: TIMEOUT_MS })
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed with ${code}:\n${stdout}${stderr}`)
}

/** Made once and kept, so that rounds and runs install the same. */
async function readLock(folder: string, mirror: Mirror): Promise<string> {
  const kept = join(folder, 'install-lock.json')
  const held = await readFile(kept, 'utf8').catch(() => null)
  if (held !== null) return held
  await using home = await clientHome()
  const project = await home.project('lock')
  await copyFile(manifest, join(project, 'package.json'))
  await npm(home, project, ['install', '--package-lock-only', `--registry=${mirror.registry}`])
  const lock = (await readFile(join(project, 'package-lock.json'), 'utf8')).replaceAll(mirror.registry, ANY_REGISTRY)
  await writeFile(kept, lock)
  return lock
}

type Sample = { readonly seconds: number; readonly cpu: number }

/** `npm ci` with an empty cache. */
async function installFrom(peer: Peer, lock: string): Promise<Sample> {
  await using home = await clientHome()
  const project = await home.project('install')
  await mkdir(project, { recursive: true })
  await copyFile(manifest, join(project, 'package.json'))
  await writeFile(join(project, 'package-lock.json'), lock.replaceAll(ANY_REGISTRY, peer.registry))
  const login = `registry=${peer.registry}\n${peer.registry.replace('http:', '')}:_authToken=${peer.token}\n`
  await writeFile(join(project, '.npmrc'), login)
  const before = peer.usage().cpuSeconds
  const began = performance.now()
  await npm(home, project, ['ci'])
  return { seconds: (performance.now() - began) / 1000, cpu: peer.usage().cpuSeconds - before }
}

/** Real `npm ci` of several hundred packages from a warm registry; nginx, serving the same files, is the floor. */
export const install: Case = async ({ mirror, peers: names, rounds, folder }) => {
  const lock = await readLock(folder, mirror)
  await using peers = await startPeers(names, mirror)
  const samples = new Map<Peer, Sample[]>(peers.all.map((peer) => [peer, []]))
  // The mirror fetches what it lacks for whoever comes first, so that one is sent before anybody is looked at.
  const [first] = peers.all.filter((peer) => peer.name !== 'nginx')
  if (first) await installFrom(first, lock)
  for (const peer of peers.all) {
    await installFrom(peer, lock)
    // What filling the store took is another figure: from here on it is a server that has everything.
    await peer.restart()
  }
  for (let each = 0; each < rounds; each += 1) {
    for (const peer of peers.all) samples.get(peer)?.push(await installFrom(peer, lock))
  }
  const usage = new Map(peers.all.map((peer) => [peer.name, peer.usage()]))
  const rows = peers.all.map((peer): Row => {
    const taken = samples.get(peer) ?? []
    return {
      peer: peer.name,
      value: median(taken.map(({ seconds }) => seconds)),
      columns: {
        'server CPU s': round(median(taken.map(({ cpu }) => cpu))),
        'MiB resident': round(usage.get(peer.name)?.residentMiB ?? 0),
        'peak MiB': round(usage.get(peer.name)?.peakMiB ?? 0),
      },
    }
  })
  const memory = (usage.get('granary')?.residentMiB ?? NaN) / (usage.get('verdaccio')?.residentMiB ?? NaN)
  const count = Object.keys((JSON.parse(lock) as { packages: object }).packages).length - 1
  return [
    {
      title: `npm ci, ${count} packages, warm registry, empty client cache`,
      unit: 's',
      rows,
      targets: [
        ...target('seconds, ratio to nginx', ratioTo('nginx', rows), 'most', 1.15, 1.05),
        ...target('seconds, ratio to Verdaccio', ratioTo('verdaccio', rows), 'most', 1),
        ...target('memory, ratio to Verdaccio', Number.isNaN(memory) ? undefined : memory, 'most', 0.33),
      ],
    },
  ]
}
