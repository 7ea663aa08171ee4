import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { BlobStore } from '../../registry/blob-store.ts'
import { openFilesystemBlobs } from './filesystem.ts'
import { chunksOf } from './verify.ts'
import { verifiedOnce } from './verified-once.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'granary-verified-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** As a process that has just started sees the folder. */
async function start() {
  const corrupt: string[] = []
  const inner = await openFilesystemBlobs(join(root, 'blobs'), { tmp: join(root, 'tmp') })
  return { blobs: verifiedOnce(inner, (sha256) => corrupt.push(sha256)), corrupt }
}

async function store(blobs: BlobStore, text: string): Promise<string> {
  await using pending = await blobs.begin()
  await pending.write(Buffer.from(text))
  return (await pending.commit()).digests.sha256
}

async function contentOf(blobs: BlobStore, sha256: string): Promise<string | undefined> {
  await using blob = await blobs.open(sha256)
  return blob && Buffer.concat(await Array.fromAsync(chunksOf(blob))).toString()
}

async function flipBit(sha256: string): Promise<void> {
  const path = join(root, 'blobs', 'sha256', sha256.slice(0, 2), sha256.slice(2))
  const bytes = await readFile(path)
  bytes[3] = (bytes[3] ?? 0) ^ 1
  await writeFile(path, bytes)
}

it('gives out what is what its name says', async () => {
  const sha256 = await store((await start()).blobs, 'some bytes')
  const { blobs, corrupt } = await start()
  expect(await contentOf(blobs, sha256)).toBe('some bytes')
  expect(corrupt).toEqual([])
})

it('takes a file in which a bit flipped for lost, tells of it, and takes the bytes when they come again', async () => {
  const sha256 = await store((await start()).blobs, 'some bytes')
  await flipBit(sha256)
  const { blobs, corrupt } = await start()
  expect(await Promise.all([1, 2, 3].map(() => contentOf(blobs, sha256)))).toEqual([undefined, undefined, undefined])
  expect(corrupt).toEqual([sha256])
  expect(await store(blobs, 'some bytes')).toBe(sha256)
  expect(await contentOf(blobs, sha256)).toBe('some bytes')
})

it('hashes a file once: what was found sound, or landed here, is read as it is', async () => {
  const { blobs } = await start()
  const landed = await store(blobs, 'some bytes')
  await flipBit(landed)
  expect(await contentOf(blobs, landed)).toBe('somd bytes')
  await flipBit(landed)
  const later = await start()
  await contentOf(later.blobs, landed)
  await flipBit(landed)
  expect(await contentOf(later.blobs, landed)).toBe('somd bytes')
})

it('knows of no blob that is not there', async () => {
  expect(await contentOf((await start()).blobs, '0'.repeat(64))).toBeUndefined()
})
