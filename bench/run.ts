// npm run bench -- [CASE …] [--peers nginx,granary,verdaccio] [--rounds 3] [--seconds 5] [--markdown FILE]
// What is measured and how to read it: README.md.
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import type { Case } from './cases/bench-case.ts'
import { disk } from './cases/disk.ts'
import { install } from './cases/install.ts'
import { packument } from './cases/packument.ts'
import { principals } from './cases/principals.ts'
import { publish } from './cases/publish.ts'
import { soak } from './cases/soak.ts'
import { start } from './cases/start.ts'
import { coldStorm } from './cases/storm.ts'
import { tarball } from './cases/tarball.ts'
import { hasWrk } from './load.ts'
import { startMirror } from '../test/support/mirror/start.ts'
import type { PeerName } from './peers/peer.ts'
import { isMet, print, printMarkdown, type Result } from './report.ts'

const CASES: Readonly<Record<string, Case>> = {
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
const PEERS: readonly PeerName[] = ['nginx', 'granary', 'verdaccio']

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

/** The registry that npm itself is set to use here. */
async function readUpstream(): Promise<string> {
  const { stdout } = await promisify(execFile)('npm', ['config', 'get', 'registry'])
  return stdout.trim()
}

function chosen<T extends string>(names: readonly string[], known: readonly T[], what: string): readonly T[] {
  const unknown = names.filter((name) => !known.includes(name as T))
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such ${what}; there are ${known.join(', ')}`)
  return known.filter((name) => names.includes(name))
}

async function main(): Promise<number> {
  const known = Object.keys(CASES)
  const cases = chosen(positionals.length > 0 ? positionals : known, known, 'case')
  const peers = chosen(values.peers.split(','), PEERS, 'peer')
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  useMemoryForTemporaryFiles()
  const folder = join(import.meta.dirname, 'results')
  await mkdir(folder, { recursive: true })
  await using mirror = await startMirror(join(folder, 'mirror'), await readUpstream())
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node.js ${process.version}, load by ${hasWrk ? 'wrk' : 'a loop in Node.js'}`
  const how = `medians of ${rounds} rounds, ${seconds} s of load each, peers in turn`
  console.log(`${machine}\n${how}\n`)
  const results: Result[] = []
  const broken: string[] = []
  for (const name of cases) {
    try {
      const measured = (await CASES[name]?.({ mirror, peers, rounds, seconds, folder })) ?? []
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
