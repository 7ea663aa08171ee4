import { createHash } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { buildSdist, buildWheel, type BuiltFile, type Distribution } from '../wheel.ts'
import {
  file,
  json,
  startLoopbackServer,
  type LoopbackServer,
  type SeenRequest,
  type UpstreamAnswer,
} from './loopback-server.ts'

export type PypiRelease = Distribution & {
  /** A wheel where left out. */
  readonly kinds?: readonly ('wheel' | 'sdist')[]
  /** ISO 8601; 2024-01-01 where left out. null leaves it out, as indexes before PEP 700 do. */
  readonly uploadTime?: string | null
  /** true, or the reason. */
  readonly yanked?: boolean | string
  /** In place of the file that would be built; needs a single kind. */
  readonly bytes?: Uint8Array
  /** Digests that the page declares, in place of the true sha256. */
  readonly hashes?: Readonly<Record<string, string>>
  /** The page offers `.metadata` (PEP 658); true where left out. */
  readonly metadata?: boolean
  /** The page offers attestations (PEP 740): this document, beside the simple root. */
  readonly provenance?: object
  /** Members that the page says of the file besides. */
  readonly more?: Readonly<Record<string, unknown>>
}

export type PublishedPypi = {
  readonly file: string
  readonly url: string
  /** Path of the file as requests will show it: `/packages/aa/bb/rest/file`. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly sha256: string
  readonly metadata: Uint8Array
}

/** An index that answers as the public one does. Projects exist after `publish`. */
export type PypiUpstream = LoopbackServer & {
  /** The simple root with its slash: what a connection or `--index-url` is given. */
  readonly url: string
  /** Origin of the files: another port where `filesApart` was asked for. */
  readonly filesOrigin: string
  /** The server of the files, with its own requests and faults; the index's own unless `filesApart`. */
  readonly filesServer: LoopbackServer
  /** The files that the release brought, in the order of `kinds`. */
  publish(release: PypiRelease): Promise<readonly PublishedPypi[]>
  yank(name: string, version: string, reason?: string): void
  /** Takes one version or the whole project away. Files stay reachable by URL, as they do in public. */
  remove(name: string, version?: string): void
  /** What `X-PyPI-Last-Serial` says from now on; it rises by one with each change otherwise. */
  setSerial(serial: number): void
  /** PEP 792; active until then. */
  setStatus(name: string, status: string, reason?: string): void
}

type Entry = {
  readonly version: string
  readonly file: string
  readonly url: string
  readonly hashes: Readonly<Record<string, string>>
  readonly requiresPython: string | null
  readonly size: number
  readonly uploadTime: string | null
  /** sha256 of the .metadata file */
  readonly metadata: string | null
  readonly summary: string | null
  /** URL of its attestations. */
  readonly provenance: string | null
  readonly more: Readonly<Record<string, unknown>>
  yanked: boolean | string
}

/** What is known of a project besides its files. */
type Status = { readonly status: string; readonly reason?: string }

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html'

export async function startPypiUpstream(options: { filesApart?: boolean } = {}): Promise<PypiUpstream> {
  const projects = new Map<string, Entry[]>()
  const files = new Map<string, Uint8Array>()
  const attestations = new Map<string, object>()
  const statuses = new Map<string, Status>()
  let serial = 1000
  const answerFile = ({ path }: SeenRequest): UpstreamAnswer | undefined => {
    const bytes = files.get(decodeURIComponent(path))
    return bytes && file(bytes, { etag: `"${createHash('md5').update(bytes).digest('hex')}"` })
  }
  const answerBeside = ({ path }: SeenRequest): UpstreamAnswer | undefined => {
    const document = attestations.get(path) ?? legacyJson(projects, serial, path)
    return document && json(200, document, { 'x-pypi-last-serial': String(serial) })
  }
  const index = await startLoopbackServer(
    (request) => answerFile(request) ?? answerBeside(request) ?? answerIndex({ projects, statuses, serial }, request),
  )
  const filesServer = options.filesApart
    ? await startLoopbackServer((request) => answerFile(request) ?? text(404, 'text/plain', 'Not found'))
    : index

  const add = (release: PypiRelease, built: BuiltFile): PublishedPypi => {
    const bytes = release.bytes ?? built.bytes
    const blake = Buffer.from(blake2b(bytes, { dkLen: 32 })).toString('hex')
    const path = `/packages/${blake.slice(0, 2)}/${blake.slice(2, 4)}/${blake.slice(4)}/${built.file}`
    const offersMetadata = built.file.endsWith('.whl') && release.metadata !== false
    files.set(path, bytes)
    if (offersMetadata) files.set(`${path}.metadata`, built.metadata)
    const key = normalised(release.name)
    const entries = projects.get(key) ?? []
    projects.set(key, entries)
    const provenance = `/integrity/${key}/${release.version}/${built.file}/provenance`
    if (release.provenance) attestations.set(provenance, release.provenance)
    entries.push({
      version: release.version,
      file: built.file,
      url: filesServer.origin + path,
      hashes: release.hashes ?? { sha256: sha256(bytes) },
      requiresPython: release.requiresPython ?? null,
      size: bytes.length,
      uploadTime: release.uploadTime === undefined ? '2024-01-01T00:00:00.000000Z' : release.uploadTime,
      metadata: offersMetadata ? sha256(built.metadata) : null,
      summary: release.summary ?? null,
      provenance: release.provenance ? index.origin + provenance : null,
      more: release.more ?? {},
      yanked: release.yanked ?? false,
    })
    return {
      file: built.file,
      url: filesServer.origin + path,
      path,
      bytes,
      sha256: sha256(bytes),
      metadata: built.metadata,
    }
  }

  return {
    ...index,
    url: `${index.origin}/simple/`,
    filesOrigin: filesServer.origin,
    filesServer,
    async publish(release) {
      const published: PublishedPypi[] = []
      for (const kind of release.kinds ?? ['wheel'])
        published.push(add(release, kind === 'wheel' ? buildWheel(release) : await buildSdist(release)))
      serial += 1
      return published
    },
    yank(name, version, reason) {
      for (const entry of projects.get(normalised(name)) ?? [])
        if (entry.version === version) entry.yanked = reason ?? true
      serial += 1
    },
    remove(name, version) {
      const key = normalised(name)
      const left = version === undefined ? [] : (projects.get(key) ?? []).filter((entry) => entry.version !== version)
      if (left.length > 0) projects.set(key, left)
      else projects.delete(key)
      serial += 1
    },
    setSerial(value) {
      serial = value
    },
    setStatus(name, status, reason) {
      statuses.set(normalised(name), { status, ...(reason !== undefined && { reason }) })
      serial += 1
    },
    async [Symbol.asyncDispose]() {
      await index[Symbol.asyncDispose]()
      if (filesServer !== index) await filesServer[Symbol.asyncDispose]()
    },
  }
}

const normalised = (name: string): string => name.replace(/[-_.]+/g, '-').toLowerCase()
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function text(
  status: number,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): UpstreamAnswer {
  return { status, headers: { 'content-type': type, ...headers }, body: Buffer.from(body), document: true }
}

/** The public index's JSON API, of one version. */
function legacyJson(projects: Map<string, Entry[]>, serial: number, path: string): object | undefined {
  const [, name = '', version] = /^\/pypi\/([^/]+)\/([^/]+)\/json$/.exec(decodeURIComponent(path)) ?? []
  const entries = projects.get(name)?.filter((entry) => entry.version === version) ?? []
  const [first] = entries
  if (!first) return undefined
  const info = {
    name,
    version,
    summary: first.summary,
    author: 'The upstream',
    requires_python: first.requiresPython,
    project_urls: { Homepage: 'https://project.example/' },
    yanked: first.yanked !== false,
  }
  return {
    info,
    last_serial: serial,
    urls: entries.map((entry) => ({ filename: entry.file, url: entry.url })),
    vulnerabilities: [],
  }
}

type Projects = {
  readonly projects: Map<string, Entry[]>
  readonly statuses: ReadonlyMap<string, Status>
  readonly serial: number
}

function answerIndex({ projects, statuses, serial }: Projects, request: SeenRequest): UpstreamAnswer {
  const path = decodeURIComponent(request.path)
  const [, name, slash] = /^\/simple\/(?:([^/]+)(\/?))?$/.exec(path) ?? []
  if (path !== '/simple/' && name === undefined) return text(404, 'text/html', '404 Not Found')
  const headers = {
    vary: 'Accept, Accept-Encoding',
    'cache-control': 'max-age=600, public',
    'x-pypi-last-serial': String(serial),
  }
  const type = negotiate(request.headers['accept'] ?? '')
  if (name === undefined) return projectList(projects, type, serial, headers)
  if (name !== normalised(name) || slash === '')
    return {
      status: 301,
      headers: { location: `/simple/${normalised(name)}/` },
      body: new Uint8Array(),
      document: true,
    }
  const entries = projects.get(name)
  if (!entries) return text(404, 'text/html; charset=UTF-8', '<html><body>404 Not Found</body></html>')
  return type === JSON_TYPE
    ? json(200, jsonPage(name, entries, serial, statuses.get(name)), { ...headers, 'content-type': JSON_TYPE })
    : text(200, type, htmlPage(name, entries), headers)
}

/** The highest quality wins, ties go to HTML: what the public index does (PEP 691 leaves it to the server). */
function negotiate(accept: string): string {
  let best = { type: 'text/html', quality: 0 }
  for (const type of ['text/html', HTML_TYPE, JSON_TYPE]) {
    const item = accept.split(',').find((part) => part.split(';')[0]?.trim() === type)
    const quality = item === undefined ? 0 : Number(/;\s*q=([\d.]+)/.exec(item)?.[1] ?? 1)
    if (quality > best.quality) best = { type, quality }
  }
  return best.type
}

function projectList(
  projects: Map<string, Entry[]>,
  type: string,
  serial: number,
  headers: Readonly<Record<string, string>>,
): UpstreamAnswer {
  const names = [...projects.keys()].toSorted()
  if (type === JSON_TYPE) {
    const list = { meta: { 'api-version': '1.4', '_last-serial': serial }, projects: names.map((name) => ({ name })) }
    return json(200, list, { ...headers, 'content-type': JSON_TYPE })
  }
  const links = names.map((name) => `<a href="/simple/${name}/">${name}</a>`)
  return text(200, type, `<!DOCTYPE html><html><body>\n${links.join('\n')}\n</body></html>`, headers)
}

function jsonPage(
  name: string,
  entries: readonly Entry[],
  serial: number,
  status: Status = { status: 'active' },
): unknown {
  return {
    meta: { 'api-version': '1.4', '_last-serial': serial },
    name,
    files: entries.map((entry) => ({
      filename: entry.file,
      url: entry.url,
      hashes: entry.hashes,
      'requires-python': entry.requiresPython,
      size: entry.size,
      ...(entry.uploadTime !== null && { 'upload-time': entry.uploadTime }),
      yanked: entry.yanked,
      'core-metadata': entry.metadata === null ? false : { sha256: entry.metadata },
      'data-dist-info-metadata': entry.metadata === null ? false : { sha256: entry.metadata },
      provenance: entry.provenance,
      ...entry.more,
    })),
    versions: [...new Set(entries.map((entry) => entry.version))],
    'project-status': status,
  }
}

const escaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

function htmlPage(name: string, entries: readonly Entry[]): string {
  const links = entries.map((entry) => {
    const [algorithm, digest] = Object.entries(entry.hashes)[0] ?? []
    const attributes = [`href="${entry.url}${algorithm ? `#${algorithm}=${digest}` : ''}"`]
    if (entry.requiresPython !== null) attributes.push(`data-requires-python="${escaped(entry.requiresPython)}"`)
    if (entry.metadata !== null)
      attributes.push(
        `data-dist-info-metadata="sha256=${entry.metadata}" data-core-metadata="sha256=${entry.metadata}"`,
      )
    if (entry.provenance !== null) attributes.push(`data-provenance="${entry.provenance}"`)
    if (entry.yanked !== false) attributes.push(`data-yanked="${entry.yanked === true ? '' : escaped(entry.yanked)}"`)
    return `    <a ${attributes.join(' ')} >${entry.file}</a><br />`
  })
  return [
    '<!DOCTYPE html>',
    '<html>',
    '  <head>',
    '    <meta name="pypi:repository-version" content="1.4">',
    `    <title>Links for ${name}</title>`,
    '  </head>',
    '  <body>',
    `    <h1>Links for ${name}</h1>`,
    ...links,
    '  </body>',
    '</html>',
  ].join('\n')
}
