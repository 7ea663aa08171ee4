import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { installFrom } from '../clients/install-from.ts'
import { readLock } from '../clients/project.ts'
import { startPeer } from '../peers/start.ts'
import { ratioTo, target, type Row } from '../report.ts'
import type { Case } from './bench-case.ts'

async function sizeOf(folder: string): Promise<{ readonly bytes: number; readonly files: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  )
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files: sizes.length }
}

/** What one install without a lock file leaves in a registry's store: the documents and the files. */
export const disk: Case = async ({ mirror, peers, folder }) => {
  const lock = await readLock(folder, mirror)
  const rows: Row[] = []
  for (const name of peers.filter((each) => each !== 'nginx')) {
    await using peer = await startPeer(name, mirror)
    const { packages } = await installFrom(peer, 'npm install', lock)
    // Stopped once, so that nothing is under way any more.
    await peer.restart()
    const { bytes, files } = await sizeOf(peer.store)
    rows.push({ peer: name, value: bytes / 1e6, columns: { files: String(files), packages: String(packages.length) } })
  }
  return [
    {
      title: 'on disk after one npm install without a lock file',
      unit: 'MB',
      rows,
      targets: target('ratio to Verdaccio', ratioTo('verdaccio', rows), 'most', 0.6, 0.45),
    },
  ]
}
