// npm run bench -- [CASE … | npm | pypi] [--peers nginx,granary,verdaccio,…] [--rounds 3] [--seconds 5] [--markdown FILE]
// What is measured and how to read it: README.md.
import { accessSync, constants } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Case, Settings } from './cases/bench-case.ts'
import { disk } from './cases/disk.ts'
import { install } from './cases/install.ts'
import { packument } from './cases/packument.ts'
import { principals } from './cases/principals.ts'
import { publish } from './cases/publish.ts'
import { install as pypiInstall } from './cases/pypi/install.ts'
import { page } from './cases/pypi/page.ts'
import type { PypiCase } from './cases/pypi/pypi-case.ts'
import { soak as pypiSoak } from './cases/pypi/soak.ts'
import { coldStorm as pypiStorm } from './cases/pypi/storm.ts'
import { wheel } from './cases/pypi/wheel.ts'
import { soak } from './cases/soak.ts'
import { start } from './cases/start.ts'
import { coldStorm } from './cases/storm.ts'
import { tarball } from './cases/tarball.ts'
import { hasWrk } from './load.ts'
import { openMirrors, type Mirrors } from './mirrors.ts'
import type { PeerName } from './peers/peer.ts'
import { PYTHON_PEERS, type PypiPeerName } from './peers/pypi/peer.ts'
import { isMet, print, printMarkdown, type Result } from './report.ts'

const NPM_CASES: Readonly<Record<string, Case>> = {
  packument,
  tarball,
  install,
  start,
  storm: coldStorm,
  publish,
  soak,
  disk,
  principals,
}
const PYPI_CASES: Readonly<Record<string, PypiCase>> = {
  'pypi-page': page,
  'pypi-wheel': wheel,
  'pypi-install': pypiInstall,
  'pypi-storm': pypiStorm,
  'pypi-soak': pypiSoak,
}
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  npm: Object.keys(NPM_CASES),
  pypi: Object.keys(PYPI_CASES),
}
const NPM_PEERS: readonly PeerName[] = ['nginx', 'granary', 'verdaccio']
const PYPI_PEERS: readonly PypiPeerName[] = ['nginx', 'granary', ...PYTHON_PEERS]
const PEERS = [...new Set<string>([...NPM_PEERS, ...PYPI_PEERS])]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string', default: PEERS.join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    markdown: { type: 'string' },
  },
})

/** Stores, caches and projects on tmpfs where there is one, so that a disk is not what is measured. */
function useMemoryForTemporaryFiles(): void {
  try {
    accessSync('/dev/shm', constants.W_OK)
    process.env.TMPDIR = '/dev/shm'
  } catch {
    process.stderr.write('no /dev/shm: temporary files are on disk\n')
  }
}

function chosen<T extends string>(names: readonly string[], known: readonly T[], what: string): readonly T[] {
  const unknown = names.filter((name) => !known.includes(name as T))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such ${what}; there are ${known.join(', ')}`)
  return known.filter((name) => names.includes(name))
}

async function measure(
  name: string,
  mirrors: Mirrors,
  peers: readonly string[],
  settings: Omit<Settings, 'mirror' | 'peers'>,
): Promise<readonly Result[]> {
  const [ofNpm, ofPypi] = [NPM_CASES[name], PYPI_CASES[name]]
  if (ofNpm) return ofNpm({ ...settings, mirror: await mirrors.npm(), peers: NPM_PEERS.filter(isIn(peers)) })
  return ofPypi?.({ ...settings, mirror: await mirrors.pypi(), peers: PYPI_PEERS.filter(isIn(peers)) }) ?? []
}

const isIn = (names: readonly string[]) => (name: string) => names.includes(name)

async function main(): Promise<number> {
  const known = Object.values(GROUPS).flat()
  const asked = positionals.flatMap((name) => GROUPS[name] ?? [name])
  const cases = chosen(asked.length > 0 ? asked : known, known, 'case')
  const peers = chosen(values.peers.split(','), PEERS, 'peer')
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  useMemoryForTemporaryFiles()
  const folder = join(import.meta.dirname, 'results')
  await mkdir(folder, { recursive: true })
  await using mirrors = openMirrors(folder)
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.version}, load by ${hasWrk ? 'wrk' : 'a loop in Node.js'}`
  const how = `medians of ${rounds} rounds, ${seconds} s of load each, peers in turn`
  console.log(`${machine}\n${how}\n`)
  const results: Result[] = []
  const broken: string[] = []
  for (const name of cases) {
    try {
      const measured = await measure(name, mirrors, peers, { rounds, seconds, folder })
      results.push(...measured)
      for (const result of measured) console.log(print(result))
    } catch (error) {
      broken.push(name)
      console.error(`${name} broke off:`, error)
    }
  }
  const kept = { machine, rounds, seconds, broken, results }
  await writeFile(join(folder, 'latest.json'), `${JSON.stringify(kept, null, 2)}\n`)
  if (values.markdown !== undefined)
    await writeFile(values.markdown, `${machine}; ${how}.\n\n${printMarkdown(results)}`)
  const missed = results.flatMap(({ targets }) => targets).filter((each) => !isMet(each, each.must))
  return missed.length + broken.length > 0 ? 1 : 0
}

process.exitCode = await main()
