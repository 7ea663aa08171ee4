import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { freePort, startServer } from '../server-process.ts'
import type { Measured, Peer } from './peer.ts'

export type Nginx = Peer & {
  /** From now on `<registry><path>` answers with these bytes. */
  give(path: string, gzip: Buffer): Promise<void>
}

const settings = (folder: string, port: number, locations: string): string => `
${userInfo().uid === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000000;
  default_type application/octet-stream;
  client_body_temp_path ${folder}/tmp; proxy_temp_path ${folder}/tmp; fastcgi_temp_path ${folder}/tmp;
  uwsgi_temp_path ${folder}/tmp; scgi_temp_path ${folder}/tmp;
  server {
    listen 127.0.0.1:${port};
    location = /-/ping { return 200; }
    ${locations}
  }
}
`

/** Where npm's clients look for documents and tarballs. */
const npmLocations = (folder: string, files: string): string => `
    location ~ /-/ { root ${files}; }
    location / {
      root ${folder}/documents;
      default_type application/vnd.npm.install-v1+json;
      gzip_static on;
      gzip_vary on;
    }`

export async function startNginx(files: string): Promise<Nginx> {
  const server = await serveFolder((folder) => npmLocations(folder, files))
  return {
    name: 'nginx',
    ...server,
    give: (path, gzip) => writeCompressed(join(server.store, 'documents', path), gzip),
  }
}

/** A file as it is, and beside it as `gzip_static` wants it. */
export async function writeCompressed(file: string, gzip: Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, gunzipSync(gzip))
  await writeFile(`${file}.gz`, gzip)
}

/** One worker, precompressed files in a new folder: the practical limit of what a registry can do. */
export async function serveFolder(locations: (folder: string) => string): Promise<Omit<Measured, 'name'>> {
  const folder = await mkdtemp(join(tmpdir(), 'granary-bench-nginx-'))
  await mkdir(join(folder, 'tmp'))
  const port = await freePort()
  await writeFile(join(folder, 'nginx.conf'), settings(folder, port, locations(folder)))
  const registry = `http://127.0.0.1:${port}/`
  const server = await startServer({
    name: 'nginx',
    command: 'nginx',
    args: ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')],
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    readyAt: `${registry}-/ping`,
  })
  return {
    registry,
    token: 'ignored',
    ...server,
    store: folder,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
