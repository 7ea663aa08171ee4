// A registry on the loopback interface that holds what it was once asked for: run as a process of its own by ../start.ts, so that
// what it does is not measured. Documents name itself as the place of their tarballs, and it counts what it is asked.
//
//   GET  /NAME  /NAME/VERSION  /NAME/-/FILE.tgz
//
// FOLDER/documents/NAME.json.gz       as the upstream sent them
// FOLDER/files/NAME/-/FILE.tgz        laid out as in URLs, so that nginx can serve them
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

const { folder, upstream } = readArguments()

const documents = new Map<string, Promise<Document | null>>()
const manifests = new Map<string, Promise<Document | null>>()
const files = new Map<string, Promise<string | null>>()

/** A name; then nothing, `/-/` and a file, or a version. */
const PATH = /^\/((?:@[\w.~-]+\/)?[\w~][\w.~-]*)(?:\/-\/([\w.~+-]+)|\/([\w.~+-]+))?$/

const HEADERS = {
  'content-type': 'application/json',
  'cache-control': 'public, max-age=300',
  vary: 'accept-encoding',
}

serveMirror({
  find(path) {
    const [, name, file, version] = PATH.exec(path) ?? []
    if (name === undefined) return null
    if (file !== undefined) return () => findFile(path)
    return async (_, origin) => {
      const document = await (version === undefined
        ? joined(documents, name, () => readDocument(name, origin))
        : joined(manifests, path, () => readManifest(name, version, origin)))
      return document && { kind: 'document', document, headers: HEADERS }
    }
  },
})

async function findFile(path: string): Promise<MirrorAnswer> {
  const kept = await joined(files, path, async () => {
    const file = join(folder, 'files', path)
    return (await readOr(file, () => fetchBytes(path))) && file
  })
  return kept === null ? null : { kind: 'file', path: kept }
}

type Packument = {
  readonly name: string
  readonly 'dist-tags'?: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, { readonly dist: { tarball: string } }>>
}

async function readDocument(name: string, origin: string): Promise<Document | null> {
  const packument = await readPackument(name, origin)
  return packument && documentOf(JSON.stringify(packument))
}

/** As the upstream would say it of the version alone, or of the tag. */
async function readManifest(name: string, version: string, origin: string): Promise<Document | null> {
  const document = await joined(documents, name, () => readDocument(name, origin))
  if (!document) return null
  const { versions, 'dist-tags': tags = {} } = JSON.parse(gunzipSync(document.gzip).toString()) as Packument
  const manifest = versions[tags[version] ?? version]
  return manifest ? documentOf(JSON.stringify(manifest)) : null
}

async function readPackument(name: string, origin: string): Promise<Packument | null> {
  const sent = await readOr(join(folder, 'documents', `${name}.json.gz`), async () => {
    const body = await fetchBytes(`/${name.replace('/', '%2f')}`)
    return body && gzipSync(body)
  })
  if (!sent) return null
  const packument = JSON.parse(gunzipSync(sent).toString()) as Packument
  for (const { dist } of Object.values(packument.versions)) {
    dist.tarball = `${origin}/${packument.name}/-/${dist.tarball.slice(dist.tarball.lastIndexOf('/') + 1)}`
  }
  return packument
}

const fetchBytes = async (path: string): Promise<Buffer | null> =>
  (await fetchUpstream(new URL(path.slice(1), upstream)))?.bytes ?? null
