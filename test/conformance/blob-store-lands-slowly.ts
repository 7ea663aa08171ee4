// A process of its own that lands blobs one after another until it is killed: what it says on stdout is committed.
//   node blob-store-lands-slowly.ts <data folder>
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { openFilesystemBlobs } from '../../src/storage/blobs/filesystem.ts'

const [, , data = ''] = process.argv
const blobs = await openFilesystemBlobs(join(data, 'blobs'), { tmp: join(data, 'tmp') })
for (let round = 0; ; round++) {
  await using pending = await blobs.begin()
  for (let chunk = 0; chunk < 12; chunk++) {
    await pending.write(Buffer.alloc(60_000, createHash('sha512').update(`${process.pid} ${round} ${chunk}`).digest()))
  }
  const { digests } = await pending.commit()
  writeSync(1, `${digests.sha256}\n`)
}
