import { expect, it } from 'vitest'
import type { BlobStore } from '../../registry/blob-store.ts'
import { memoryBlobs } from './memory.ts'
import { keepSmallInMemory } from './small-in-memory.ts'
import { chunksOf } from './verify.ts'

/** A store that notes what is really opened. */
function noting() {
  const corrupt: string[] = []
  const inner = memoryBlobs({ freshMs: 0 })
  const opened: string[] = []
  const blobs: BlobStore = {
    ...inner,
    open: (sha256, expected) => {
      opened.push(sha256)
      return inner.open(sha256, expected)
    },
  }
  return {
    blobs,
    opened,
    corrupt,
    keep: (limitBytes: number) => keepSmallInMemory(blobs, { limitBytes, onCorrupt: (sha256) => corrupt.push(sha256) }),
  }
}

async function store(blobs: BlobStore, bytes: Uint8Array): Promise<string> {
  await using pending = await blobs.begin()
  await pending.write(bytes)
  return (await pending.commit()).digests.sha256
}

async function contentOf(blobs: BlobStore, sha256: string): Promise<Buffer | undefined> {
  await using blob = await blobs.open(sha256)
  return blob && Buffer.concat(await Array.fromAsync(chunksOf(blob)))
}

it('opens a small file twice, and then no more', async () => {
  const { opened, keep } = noting()
  const blobs = keep(1_000_000)
  const bytes = Buffer.from('some bytes')
  const sha256 = await store(blobs, bytes)
  for (let times = 0; times < 5; times++) expect(await contentOf(blobs, sha256)).toEqual(bytes)
  expect(opened).toEqual([sha256, sha256])
  await using blob = await blobs.open(sha256, { size: bytes.length })
  expect(blob?.bytes).toEqual(bytes)
})

it('keeps nothing that is larger than 256 KiB, and no more than its limit in all', async () => {
  const { opened, keep } = noting()
  const blobs = keep(400_000)
  const large = await store(blobs, Buffer.alloc(256 * 1024 + 1, 1))
  const small = await Promise.all([2, 3].map((fill) => store(blobs, Buffer.alloc(210_000, fill))))
  for (let times = 0; times < 3; times++) await contentOf(blobs, large)
  expect(opened).toEqual([large, large, large])
  for (const sha256 of small) for (let times = 0; times < 2; times++) await contentOf(blobs, sha256)
  opened.length = 0
  for (const sha256 of small) await contentOf(blobs, sha256)
  // The second pushed out the first.
  expect(opened).toEqual([small[0]])
})

it('gives nothing where another size is expected, and nothing that was removed', async () => {
  const { keep } = noting()
  const blobs = keep(1_000_000)
  const sha256 = await store(blobs, Buffer.from('some bytes'))
  for (let times = 0; times < 3; times++) await contentOf(blobs, sha256)
  expect(await blobs.open(sha256, { size: 3 })).toBeUndefined()
  expect(await blobs.remove(sha256, async () => true)).toBe('removed')
  expect(await contentOf(blobs, sha256)).toBeUndefined()
})

it('keeps nothing that went bad since it was verified: it is lost, and told of', async () => {
  const { blobs: inner, corrupt, keep } = noting()
  const bytes = Buffer.from('some bytes')
  const sha256 = await store(inner, bytes)
  const damaged = await store(inner, Buffer.from('some BYTES'))
  let isDamaged = true
  const open = inner.open.bind(inner)
  inner.open = (asked, expected) => open(isDamaged ? damaged : asked, expected)
  const blobs = keep(1_000_000)
  await (await blobs.open(sha256))?.[Symbol.asyncDispose]()
  expect(await blobs.open(sha256)).toBeUndefined()
  expect(corrupt).toEqual([sha256])
  isDamaged = false
  for (let times = 0; times < 3; times++) expect(await contentOf(blobs, sha256)).toEqual(bytes)
})
