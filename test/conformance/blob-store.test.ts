import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFilesystemBlobs } from '../../src/storage/blobs/filesystem.ts'
import { memoryBlobs } from '../../src/storage/blobs/memory.ts'
import { keepSmallInMemory } from '../../src/storage/blobs/small-in-memory.ts'
import { blobStoreConformance } from './blob-store.ts'

/** A clock that goes ahead when it is told to. */
function clock() {
  let ahead = 0
  return { now: () => Date.now() + ahead, passHours: (hours: number) => void (ahead += hours * 3_600_000) }
}

blobStoreConformance('memory', async () => {
  const { now, passHours } = clock()
  return { blobs: memoryBlobs({ now }), passHours, [Symbol.asyncDispose]: async () => {} }
})

blobStoreConformance('files, small ones in memory', async () => {
  const { now, passHours } = clock()
  const data = await mkdtemp(join(tmpdir(), 'granary-blobs-'))
  const files = await openFilesystemBlobs(join(data, 'blobs'), { tmp: join(data, 'tmp'), now })
  return {
    blobs: keepSmallInMemory(files, { limitBytes: 1e6, onCorrupt: () => {} }),
    passHours,
    [Symbol.asyncDispose]: () => rm(data, { recursive: true }),
  }
})

blobStoreConformance('filesystem', async () => {
  const { now, passHours } = clock()
  const data = await mkdtemp(join(tmpdir(), 'granary-blobs-'))
  const blobs = await openFilesystemBlobs(join(data, 'blobs'), { tmp: join(data, 'tmp'), now })
  return { blobs, passHours, [Symbol.asyncDispose]: () => rm(data, { recursive: true }) }
})
