import { createHash, randomBytes } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BeginBlob, BlobStore, DigestAlgorithm } from '../../src/registry/blob-store.ts'

export type OpenedBlobs = AsyncDisposable & {
  readonly blobs: BlobStore
  /** Makes time pass for the store, so that what landed is no longer fresh. */
  passHours(hours: number): void
}

const MIB = 1024 * 1024
const DIGESTS: readonly DigestAlgorithm[] = ['sha512', 'sha384', 'sha1', 'md5', 'blake2b']

export const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Writes `bytes` in chunks of `chunkBytes` and commits them. */
export async function land(
  blobs: BlobStore,
  bytes: Uint8Array,
  chunkBytes = 64 * 1024,
  options: BeginBlob = {},
): Promise<string> {
  await using pending = await blobs.begin(options)
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    await pending.write(bytes.subarray(start, start + chunkBytes))
  }
  return (await pending.commit()).digests.sha256
}

/** All bytes of a blob; undefined where there is none. */
export async function contentOf(blobs: BlobStore, sha256: string): Promise<Buffer | undefined> {
  await using blob = await blobs.open(sha256)
  if (!blob) return undefined
  return await readAll((into, position) => blob.read(into, position))
}

export async function openThere(blobs: BlobStore, sha256: string) {
  const blob = await blobs.open(sha256)
  if (!blob) throw new Error(`there is no blob ${sha256}`)
  return blob
}

async function readAll(read: (into: Uint8Array, position: number) => Promise<number>, chunkBytes = 256 * 1024) {
  const chunks: Buffer[] = []
  const into = Buffer.alloc(chunkBytes)
  for (let position = 0; ;) {
    const length = await read(into, position)
    if (length === 0) return Buffer.concat(chunks)
    chunks.push(Buffer.from(into.subarray(0, length)))
    position += length
  }
}

export async function listed(blobs: BlobStore): Promise<readonly { readonly sha256: string; readonly size: number }[]> {
  const found = []
  for await (const blob of blobs.list()) found.push(blob)
  return found
}

/** What every blob store keeps, whatever it is made of. */
export function blobStoreConformance(name: string, open: () => Promise<OpenedBlobs>): void {
  describe(`blob store: ${name}`, () => {
    let opened: OpenedBlobs
    let blobs: BlobStore
    beforeEach(async () => {
      opened = await open()
      blobs = opened.blobs
    })
    afterEach(() => opened[Symbol.asyncDispose]())

    describe('landing', () => {
      it.each([
        ['nothing', 0, 1],
        ['one byte', 1, 1],
        ['many tiny chunks', 100_000, 7],
        ['exactly one batch', 256 * 1024, 64 * 1024],
        ['one byte more than a batch', 256 * 1024 + 1, 64 * 1024],
        ['one large chunk', 3 * MIB, 3 * MIB],
        ['20 MB in network-sized chunks', 20 * MIB, 60_000],
        ['chunks around the size of a batch', 5 * MIB, 256 * 1024 - 1],
      ])('keeps %s', async (_, size, chunkBytes) => {
        const bytes = randomBytes(size)
        const sha256 = await land(blobs, bytes, chunkBytes)
        expect(sha256).toBe(sha256Of(bytes))
        expect(await blobs.stat(sha256)).toEqual({ size })
        expect((await contentOf(blobs, sha256))?.equals(bytes)).toBe(true)
      })

      it('tells every digest that was asked for, and no other', async () => {
        const bytes = randomBytes(300_000)
        await using all = await blobs.begin({ digests: DIGESTS })
        await using none = await blobs.begin()
        for (const pending of [all, none]) {
          await pending.write(bytes.subarray(0, 100))
          await pending.write(bytes.subarray(100))
        }
        const hash = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex')
        const expected = {
          sha256: hash('sha256'),
          sha512: hash('sha512'),
          sha384: hash('sha384'),
          sha1: hash('sha1'),
          md5: hash('md5'),
          blake2b: Buffer.from(blake2b(bytes, { dkLen: 32 })).toString('hex'),
        }
        expect(await all.finish()).toEqual({ size: 300_000, digests: expected })
        expect(await all.commit()).toEqual({ size: 300_000, digests: expected })
        expect(await none.commit()).toEqual({ size: 300_000, digests: { sha256: expected.sha256 } })
      })

      it('hashes as the published test vectors say', async () => {
        await using pending = await blobs.begin({ digests: ['blake2b', 'md5'] })
        await pending.write(Buffer.from('abc'))
        expect((await pending.finish()).digests).toEqual({
          sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
          md5: '900150983cd24fb0d6963f7d28e17f72',
          blake2b: 'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
        })
      })

      it('shows nothing before the commit', async () => {
        const bytes = randomBytes(400_000)
        await using pending = await blobs.begin()
        await pending.write(bytes)
        await pending.finish()
        expect(await blobs.stat(sha256Of(bytes))).toBeUndefined()
        expect(await blobs.open(sha256Of(bytes))).toBeUndefined()
        expect(await listed(blobs)).toEqual([])
        await pending.commit()
        expect(await listed(blobs)).toEqual([{ sha256: sha256Of(bytes), size: 400_000 }])
      })

      it('forgets what was disposed of without a commit', async () => {
        const bytes = randomBytes(400_000)
        {
          await using pending = await blobs.begin()
          await pending.write(bytes)
        }
        {
          await using pending = await blobs.begin()
          await pending.write(bytes)
          await pending.finish()
        }
        expect(await blobs.stat(sha256Of(bytes))).toBeUndefined()
        expect(await listed(blobs)).toEqual([])
      })

      it('takes no write after the end and no commit after disposal', async () => {
        const pending = await blobs.begin()
        await pending.write(Buffer.from('a'))
        await pending.finish()
        await expect(pending.write(Buffer.from('b'))).rejects.toThrow('no')
        await pending[Symbol.asyncDispose]()
        await expect(pending.commit()).rejects.toThrow('disposed of')
        expect(await listed(blobs)).toEqual([])
      })

      it('copies what it is given: the caller may use the chunk again', async () => {
        await using pending = await blobs.begin()
        const chunk = Buffer.from('first ')
        await pending.write(chunk)
        chunk.write('second')
        await pending.write(chunk)
        const { digests } = await pending.commit()
        expect((await contentOf(blobs, digests.sha256))?.toString()).toBe('first second')
      })

      it('commits once, however often it is asked', async () => {
        await using pending = await blobs.begin()
        await pending.write(Buffer.from('once'))
        const [first, second] = await Promise.all([pending.commit(), pending.commit()])
        expect(first).toEqual(second)
        expect(await listed(blobs)).toHaveLength(1)
      })

      it('lets the same bytes land many times at once', async () => {
        const bytes = randomBytes(500_000)
        const landed = await Promise.all(Array.from({ length: 12 }, (_, i) => land(blobs, bytes, 10_000 + i * 1_000)))
        expect(new Set(landed)).toEqual(new Set([sha256Of(bytes)]))
        expect(await listed(blobs)).toEqual([{ sha256: sha256Of(bytes), size: 500_000 }])
        expect((await contentOf(blobs, sha256Of(bytes)))?.equals(bytes)).toBe(true)
      })
    })

    describe('reading', () => {
      it('reads what is there while the rest is still being written', async () => {
        const bytes = randomBytes(2 * MIB)
        await using pending = await blobs.begin()
        const into = Buffer.alloc(100_000)
        for (let start = 0; start < bytes.length; start += 50_000) {
          await pending.write(bytes.subarray(start, start + 50_000))
          expect(pending.size).toBe(Math.min(start + 50_000, bytes.length))
          const position = Math.floor(start / 2)
          const length = await pending.read(into, position)
          expect(length).toBeGreaterThan(0)
          expect(into.subarray(0, length).equals(bytes.subarray(position, position + length))).toBe(true)
          expect(await pending.read(into, pending.size)).toBe(0)
        }
        expect((await readAll((to, position) => pending.read(to, position))).equals(bytes)).toBe(true)
        await pending.commit()
        // Whoever joined the download goes on reading from where it landed.
        expect((await readAll((to, position) => pending.read(to, position))).equals(bytes)).toBe(true)
      })

      it('gives a reader right bytes while a write is under way', async () => {
        const bytes = randomBytes(4 * MIB)
        await using pending = await blobs.begin()
        let isWriting = true
        const writing = (async () => {
          for (let start = 0; start < bytes.length; start += 33_333)
            await pending.write(bytes.subarray(start, start + 33_333))
          isWriting = false
        })()
        const seen: Buffer[] = []
        const into = Buffer.alloc(70_000)
        for (let position = 0; isWriting || position < bytes.length;) {
          const length = await pending.read(into, position)
          if (length === 0) await new Promise(setImmediate)
          seen.push(Buffer.from(into.subarray(0, length)))
          position += length
        }
        await writing
        expect(Buffer.concat(seen).equals(bytes)).toBe(true)
      })

      it('reads at any position, and 0 bytes only at the end', async () => {
        const sha256 = await land(blobs, Buffer.from('0123456789'))
        await using blob = await blobs.open(sha256)
        const into = Buffer.alloc(4)
        expect(blob?.size).toBe(10)
        expect(await blob?.read(into, 3)).toBe(4)
        expect(into.toString()).toBe('3456')
        expect(await blob?.read(into, 8)).toBe(2)
        expect(into.toString('latin1', 0, 2)).toBe('89')
        expect(await blob?.read(into, 10)).toBe(0)
        expect(await blob?.read(into, 99)).toBe(0)
      })

      it('takes a blob of another size than expected for lost', async () => {
        const sha256 = await land(blobs, Buffer.from('0123456789'))
        expect(await blobs.open(sha256, { size: 11 })).toBeUndefined()
        await using blob = await blobs.open(sha256, { size: 10 })
        expect(blob?.size).toBe(10)
      })

      it('knows nothing of what never landed', async () => {
        expect(await blobs.open('0'.repeat(64))).toBeUndefined()
        expect(await blobs.stat('0'.repeat(64))).toBeUndefined()
      })

      it('lists by digest', async () => {
        const all = await Promise.all(Array.from({ length: 40 }, (_, i) => land(blobs, Buffer.from(`blob ${i}`))))
        expect((await listed(blobs)).map((blob) => blob.sha256)).toEqual(all.toSorted())
      })

      it('goes on reading a blob that is removed meanwhile', async () => {
        const bytes = randomBytes(1 * MIB)
        const sha256 = await land(blobs, bytes)
        await using blob = await openThere(blobs, sha256)
        opened.passHours(2)
        expect(await blobs.remove(sha256, async () => true)).toBe('removed')
        expect((await readAll((into, position) => blob.read(into, position))).equals(bytes)).toBe(true)
      })
    })

    describe('removal', () => {
      let sha256: string
      const bytes = randomBytes(10_000)
      beforeEach(async () => {
        sha256 = await land(blobs, bytes)
        opened.passHours(2)
      })
      const isThere = async () => (await contentOf(blobs, sha256))?.equals(bytes) ?? false

      it('removes what nobody wants', async () => {
        expect(await blobs.remove(sha256, async () => true)).toBe('removed')
        expect(await blobs.stat(sha256)).toBeUndefined()
        expect(await listed(blobs)).toEqual([])
        expect(await blobs.remove(sha256, async () => true)).toBe('missing')
      })

      it('keeps what somebody refers to again', async () => {
        expect(await blobs.remove(sha256, async () => false)).toBe('kept')
        expect(await isThere()).toBe(true)
        expect(await listed(blobs)).toEqual([{ sha256, size: 10_000 }])
      })

      it('keeps the bytes if the question fails', async () => {
        await expect(blobs.remove(sha256, () => Promise.reject(new Error('no database')))).rejects.toThrow(
          'no database',
        )
        expect(await isThere()).toBe(true)
      })

      it('does not even ask where the same bytes landed a moment ago', async () => {
        await land(blobs, bytes)
        let asked = 0
        expect(await blobs.remove(sha256, async () => ++asked > 0)).toBe('kept')
        expect(asked).toBe(0)
        expect(await isThere()).toBe(true)
      })

      it('removes fresh bytes too, if it is told to and they are not wanted', async () => {
        await land(blobs, bytes)
        expect(await blobs.remove(sha256, async () => false, { evenIfFresh: true })).toBe('kept')
        expect(await isThere()).toBe(true)
        expect(await blobs.remove(sha256, async () => true, { evenIfFresh: true })).toBe('removed')
        expect(await isThere()).toBe(false)
      })

      it('keeps bytes that land while the ledger is asked', async () => {
        await blobs.remove(sha256, async () => {
          await land(blobs, bytes)
          return true
        })
        expect(await isThere()).toBe(true)
      })

      it('can still be read while the ledger is asked', async () => {
        await blobs.remove(sha256, async () => {
          expect(await isThere()).toBe(true)
          expect(await blobs.stat(sha256)).toEqual({ size: 10_000 })
          return false
        })
        expect(await isThere()).toBe(true)
      })

      it('keeps bytes that land during one of two removals at once', async () => {
        const slow = Promise.withResolvers<boolean>()
        const first = blobs.remove(sha256, () => slow.promise)
        await land(blobs, bytes)
        expect(await blobs.remove(sha256, async () => true)).toBe('kept')
        slow.resolve(true)
        await first
        expect(await isThere()).toBe(true)
      })

      it('never loses bytes whose landing had ended when the removal began, or ended after it', async () => {
        for (let round = 0; round < 60; round++) {
          let isReferred = false
          const publish = async () => {
            for (let i = 0; i < round % 7; i++) await new Promise(setImmediate)
            await land(blobs, bytes)
            isReferred = true
          }
          await Promise.all([publish(), ...[1, 2].map(() => blobs.remove(sha256, async () => !isReferred))])
          expect(await isThere(), `round ${round}`).toBe(true)
          opened.passHours(2)
        }
      })
    })
  })
}
