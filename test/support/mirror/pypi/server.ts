// An index on the loopback interface that holds what it was once asked for: run as a process of its own by ../start.ts, so that
// what it does is not measured. Pages name itself as the place of their files, and it counts what it is asked.
//
//   GET  /simple/NAME/                            JSON (PEP 691, 700) for who accepts it, else HTML (PEP 503)
//   GET  /packages/AA/BB/REST/FILE  ….metadata    with ranges
//
// There is no list of all projects: nobody needs the upstream's.
//
// FOLDER/documents/NAME.json.gz       as the upstream sent them
// FOLDER/files/packages/…             laid out as in URLs, so that nginx can serve them
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  documentOf,
  fetchUpstream,
  joined,
  readArguments,
  readOr,
  serveMirror,
  type Document,
  type MirrorAnswer,
} from '../serve.ts'
import { HTML_TYPE, JSON_TYPE, pageOf, renderHtml, type Page } from './page.ts'
import { readWheelMetadata } from './wheel-metadata.ts'

const { folder, upstream } = readArguments()

const pages = new Map<string, Promise<Page | null>>()
const documents = new Map<string, Promise<Document | null>>()
const files = new Map<string, Promise<string | null>>()
/** Where the upstream has a file, by the path that it has here. */
const sources = new Map<string, string>()

serveMirror({
  find(path) {
    if (path.startsWith('/packages/')) return () => findFile(path)
    const [, asked, slash] = /^\/simple\/([\w.-]+)(\/?)$/.exec(path) ?? []
    if (asked === undefined) return null
    const name = asked.replaceAll(/[-_.]+/g, '-').toLowerCase()
    if (name !== asked || slash === '') return async () => ({ kind: 'redirect', location: `/simple/${name}/` })
    return ({ headers }, origin) => findPage(name, origin, headers.accept?.includes(JSON_TYPE) ? JSON_TYPE : HTML_TYPE)
  },
})

async function findPage(name: string, origin: string, type: string): Promise<MirrorAnswer> {
  const page = await joined(pages, name, readPage)
  if (!page) return null
  const render = async () =>
    documentOf(type === JSON_TYPE ? JSON.stringify(placed(page, origin)) : renderHtml(placed(page, origin)))
  const document = await joined(documents, `${name} ${type}`, render)
  if (!document) return null
  const headers = {
    'content-type': type,
    'cache-control': 'public, max-age=600',
    vary: 'accept, accept-encoding',
    'x-pypi-last-serial': String(page.meta['_last-serial'] ?? 0),
  }
  return { kind: 'document', document, headers }
}

async function readPage(name: string): Promise<Page | null> {
  const sent = await readOr(join(folder, 'documents', `${name}.json.gz`), async () => {
    const document = await fetchPage(name)
    return document && gzipSync(document)
  })
  if (!sent) return null
  const page = pageOf(JSON.parse(gunzipSync(sent).toString()), documentUrl(name))
  for (const { url } of page.files) sources.set(pathOf(url), url)
  return page
}

/** Some mirrors of the public index have no page in JSON, but its older document, which says as much. */
async function fetchPage(name: string): Promise<Buffer | null> {
  const simple = await fetchUpstream(new URL(`${name}/`, upstream), { accept: JSON_TYPE })
  if (!simple || simple.type.startsWith(JSON_TYPE)) return simple?.bytes ?? null
  return (await fetchUpstream(documentUrl(name)))?.bytes ?? null
}

const documentUrl = (name: string): URL => new URL(`../pypi/${name}/json`, upstream)

/** `/packages/AA/BB/REST/FILE`, whatever stands before that. */
const pathOf = (url: string): string => new URL(url).pathname.replace(/^.*(?=\/packages\/)/, '')

const placed = (page: Page, origin: string): Page => ({
  ...page,
  files: page.files.map((file) => ({ ...file, ...offeredMetadata(file), url: origin + pathOf(file.url) })),
})

/** The public index has it of every wheel; some mirrors of it do not say so of all. `findFile` has it in any case. */
const offeredMetadata = ({ filename, 'core-metadata': offered }: Page['files'][number]) =>
  offered || !filename.endsWith('.whl') ? {} : { 'core-metadata': true }

async function findFile(path: string): Promise<MirrorAnswer> {
  const kept = await joined(files, path, async () => {
    const file = join(folder, 'files', path)
    return (await readOr(file, () => fetchFile(path))) && file
  })
  return kept === null ? null : { kind: 'file', path: kept }
}

/** Known once the project's page was asked for, as every client does. */
async function fetchFile(path: string): Promise<Buffer | null> {
  const [, file = '', metadata = ''] = /^(.*?)(\.metadata)?$/.exec(path) ?? []
  const source = sources.get(file)
  if (source === undefined) return null
  const sent = (await fetchUpstream(source + metadata))?.bytes ?? null
  return sent === null && metadata !== '' ? readFromWheel(file) : sent
}

/** Some mirrors of the public index lack what their pages offer. */
async function readFromWheel(path: string): Promise<Buffer | null> {
  const wheel = await readOr(join(folder, 'files', path), () => fetchFile(path))
  return wheel && readWheelMetadata(wheel)
}
