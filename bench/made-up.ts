import { createCipheriv, createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildWheel } from '../test/support/wheel.ts'

// Projects that no index has, the same bytes on every machine: pages of a known size, and wheels of a known size.

export type MadeUpFile = {
  readonly file: string
  readonly version: string
  /** Where the public index would have it: `packages/aa/bb/rest/file`. */
  readonly path: string
  readonly bytes: Buffer
  readonly sha256: string
  readonly metadata: Buffer
}

export type MadeUpProject = { readonly name: string; readonly files: readonly MadeUpFile[] }

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What does not compress, as in most wheels: AES of nothing. */
function noise(size: number, seed: string): Buffer {
  const key = createHash('md5').update(seed).digest()
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

function makeUpFile(
  name: string,
  version: string,
  size: { readonly data: number; readonly summary: number },
): MadeUpFile {
  const { file, bytes, metadata } = buildWheel({
    name,
    version,
    requiresPython: '>=3.9',
    summary: noise(size.summary, version).toString('base64'),
    files: { [`${name.replaceAll('-', '_')}/data.bin`]: noise(size.data, `${name} ${version}`) },
  })
  const place = createHash('sha256').update(file).digest('hex')
  const path = `packages/${place.slice(0, 2)}/${place.slice(2, 4)}/${place.slice(4)}/${file}`
  return { file, version, path, bytes, sha256: sha256(bytes), metadata }
}

function makeUpProject(name: string, releases: number): MadeUpProject {
  const versions = Array.from({ length: releases }, (_, each) => `${Math.floor(each / 20)}.${each % 20}.0`)
  return { name, files: versions.map((version) => makeUpFile(name, version, { data: 10, summary: 10 })) }
}

/** Made when first asked for: most cases need none of it. */
function once<Made>(make: () => Made): () => Made {
  let made: Made | undefined
  return () => (made ??= make())
}

/** Its page is that of a project with some years of releases. */
export const smallProject = once(() => makeUpProject('granary-bench-small', 150))
/** Its page is that of one that releases every day. */
export const largeProject = once(() => makeUpProject('granary-bench-large', 3_000))

/** As long as the metadata of a wheel with a README of some pages, in base64. */
const SUMMARY_BYTES = 4_500
const WHEEL_BYTES = [100_000, 12_000_000, 50_000_000] as const

/** One version for each size of a wheel, `1.0.0` for the smallest. */
export const wheels = once(() => {
  const name = 'granary-bench-wheels'
  const version = (each: number) => `${each + 1}.0.0`
  const files = WHEEL_BYTES.map((data, each) => makeUpFile(name, version(each), { data, summary: SUMMARY_BYTES }))
  return { name, files }
})

export const wheelOf = (version: string): MadeUpFile => {
  const found = wheels().files.find((file) => file.version === version)
  if (!found) throw new Error(`no wheel of version ${version} is made up`)
  return found
}

/** A page as the public index gives it. The mirror puts its own address in place of this one. */
function pageOf({ name, files }: MadeUpProject): unknown {
  return {
    meta: { 'api-version': '1.4', '_last-serial': files.length },
    name,
    versions: files.map(({ version }) => version),
    files: files.map(({ file, path, bytes, sha256: digest, metadata }, each) => ({
      'core-metadata': { sha256: sha256(metadata) },
      'data-dist-info-metadata': { sha256: sha256(metadata) },
      filename: file,
      hashes: { sha256: digest },
      'requires-python': '>=3.9',
      size: bytes.length,
      'upload-time': new Date(Date.UTC(2015, 0, 1) + each * 1e8).toISOString(),
      url: `https://files.example/${path}`,
      yanked: false,
    })),
  }
}

/** From now on a mirror that keeps what it has in this folder has these projects: as if its upstream had sent them once. */
export async function seedMirror(folder: string): Promise<void> {
  await mkdir(join(folder, 'documents'), { recursive: true })
  for (const project of [smallProject(), largeProject(), wheels()])
    await writeFile(join(folder, 'documents', `${project.name}.json.gz`), gzipSync(JSON.stringify(pageOf(project))))
  for (const { path, bytes, metadata } of wheels().files) {
    const file = join(folder, 'files', path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, bytes)
    await writeFile(`${file}.metadata`, metadata)
  }
}
