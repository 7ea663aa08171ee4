import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'

/** Files by their path inside the archive. */
export type ArchiveFiles = Readonly<Record<string, string | Uint8Array>>

/** A .tar.gz with the files below `folder`. The same files give the same bytes. */
export async function packTarball(folder: string, files: ArchiveFiles): Promise<Buffer> {
  const archive = pack()
  for (const [name, content] of Object.entries(files))
    archive.entry(
      { name: `${folder}/${name}`, mtime: new Date('1985-10-26T08:15:00Z'), mode: 0o644 },
      Buffer.from(content),
    )
  archive.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) chunks.push(chunk as Uint8Array)
  return gzipSync(Buffer.concat(chunks))
}
