import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { serveFolder, writeCompressed } from '../nginx.ts'
import type { PypiPeer } from './peer.ts'

export type PypiNginx = PypiPeer & {
  /** Where its files' paths begin, with the slash. */
  readonly root: string
  /** From now on it has this page, in this form; the JSON one where pip and uv look for it, HTML at `../html/NAME/`. */
  givePage(name: string, form: 'json' | 'html', gzip: Buffer): Promise<void>
  /** From now on `<root><path>` answers with these bytes. */
  giveFile(path: string, bytes: Uint8Array): Promise<void>
}

const locations = (folder: string): string => `
    location /packages/ { root ${folder}/files; }
    rewrite ^/simple/([^/]+)/$ /pages/$1.json last;
    rewrite ^/html/([^/]+)/$ /pages/$1.html last;
    location /pages/ {
      root ${folder};
      default_type application/vnd.pypi.simple.v1+json;
      gzip_static on;
      gzip_vary on;
    }`

export async function startNginx(): Promise<PypiNginx> {
  const { registry: root, ...server } = await serveFolder(locations)
  return {
    name: 'nginx',
    ...server,
    user: 'aws',
    root,
    registry: `${root}simple/`,
    givePage: (name, form, gzip) => writeCompressed(join(server.store, 'pages', `${name}.${form}`), gzip),
    async giveFile(path, bytes) {
      const file = join(server.store, 'files', path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, bytes)
    },
  }
}
