import { createHash } from 'node:crypto'
import { attest, createSigner, type Signer } from './npm-signing.ts'
import { packTarball, type ArchiveFiles } from '../tarball.ts'
import {
  file,
  json,
  startLoopbackServer,
  type LoopbackServer,
  type SeenRequest,
  type UpstreamAnswer,
} from './loopback-server.ts'

export type NpmRelease = {
  /** `left-pad`, `@acme/hello` */
  readonly name: string
  readonly version: string
  /** More of its package.json: dependencies, license, bin, scripts ... */
  readonly packageJson?: Readonly<Record<string, unknown>>
  /** Files of the tarball besides package.json; an index.js that says the version where left out. */
  readonly files?: ArchiveFiles
  /** ISO 8601; publication time, 2024-01-01 where left out. null leaves it out of `time`, as some registries do. */
  readonly time?: string | null
  /** `latest` where left out. */
  readonly tag?: string
  /** Only in the manifest: deprecated, hasInstallScript, _npmUser ... */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Merged into `dist`: signatures, another tarball URL, a wrong integrity; a null takes the member away. */
  readonly dist?: Readonly<Record<string, unknown>>
  /** The registry attests that it published it, as the public one does for what comes with provenance. */
  readonly attested?: boolean
  /** In place of the tarball that would be built. */
  readonly tarballBytes?: Uint8Array
}

export type PublishedNpm = {
  readonly url: string
  /** Path of the tarball as requests will show it. */
  readonly path: string
  readonly file: string
  readonly bytes: Uint8Array
  readonly integrity: string
  readonly shasum: string
}

/** A registry that answers as the public npm registry does. Packages exist after `publish`. */
export type NpmUpstream = LoopbackServer & {
  /** Registry root with its slash: what a connection or `--registry` is given. */
  readonly url: string
  publish(release: NpmRelease): Promise<PublishedNpm>
  /** Takes one version or the whole package away. */
  unpublish(name: string, version?: string): void
  setTag(name: string, tag: string, version: string): void
  /** Signs all that is published: see `npm-signing.ts`. */
  readonly signer: Signer
  /** Advisories by package, as `npm audit` is told of them. */
  readonly advisories: Map<string, readonly object[]>
}

type Manifest = Record<string, unknown> & { name: string; version: string; dist: Record<string, unknown> }
type Package = {
  readonly versions: Map<string, Manifest>
  readonly time: Map<string, string>
  readonly tags: Map<string, string>
  modified: string
  revision: number
}

const ABBREVIATED = 'application/vnd.npm.install-v1+json'
const FIRST_PUBLISH = '2024-01-01T00:00:00.000Z'
// The public registry's own list (npm/minify-registry-metadata).
const ABBREVIATED_MEMBERS = (
  'name version dependencies optionalDependencies devDependencies bundleDependencies peerDependencies peerDependenciesMeta ' +
  'acceptDependencies bin _hasShrinkwrap directories dist engines os cpu deprecated funding hasInstallScript'
).split(' ')

export async function startNpmUpstream(): Promise<NpmUpstream> {
  const packages = new Map<string, Package>()
  const tarballs = new Map<string, Uint8Array>()
  const signer = createSigner()
  const documents = new Map<string, unknown>([['/-/npm/v1/keys', { keys: [signer.publicKey] }]])
  const advisories = new Map<string, readonly object[]>()
  const server = await startLoopbackServer((request) => {
    if (request.method === 'POST' && request.path === '/-/npm/v1/security/advisories/bulk') {
      const names = Object.keys(JSON.parse(request.body.toString()) as object)
      const known = names.flatMap((name) => (advisories.has(name) ? [[name, advisories.get(name)] as const] : []))
      return json(200, Object.fromEntries(known))
    }
    const document = documents.get(decodeURIComponent(request.path))
    if (document) return json(200, document, { 'cache-control': 'public, max-age=300' })
    return answer(packages, tarballs, request)
  })
  const url = `${server.origin}/`

  const publish = async (release: NpmRelease): Promise<PublishedNpm> => {
    const { name, version } = release
    const packageJson = { name, version, license: 'MIT', main: 'index.js', ...release.packageJson }
    const files = release.files ?? { 'index.js': `module.exports = ${JSON.stringify(`${name}@${version}`)}\n` }
    const bytes =
      release.tarballBytes ??
      (await packTarball('package', { 'package.json': JSON.stringify(packageJson, null, 2), ...files }))
    const fileName = `${name.slice(name.indexOf('/') + 1)}-${version}.tgz`
    const path = `/${name}/-/${fileName}`
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
    const shasum = createHash('sha1').update(bytes).digest('hex')
    const dist = {
      integrity,
      shasum,
      tarball: server.origin + path,
      fileCount: Object.keys(files).length + 1,
      unpackedSize: Object.values(files).reduce((sum, content) => sum + Buffer.byteLength(content), 0),
      signatures: [signer.sign(`${name}@${version}:${integrity}`)],
      ...release.dist,
    }
    if (release.attested) {
      const at = `/-/npm/v1/attestations/${name}@${version}`
      const attestation = attest(signer, { name, version, bytes })
      documents.set(at, { attestations: [attestation] })
      Object.assign(dist, {
        attestations: {
          url: server.origin + at.replace(name, name.replace('/', '%2f')),
          provenance: { predicateType: attestation.predicateType },
        },
      })
    }
    for (const member of Object.keys(dist))
      if (dist[member as keyof typeof dist] === null) delete dist[member as keyof typeof dist]
    const at = release.time === undefined ? FIRST_PUBLISH : release.time
    const known = packages.get(name) ?? newPackage(packages, name)
    known.versions.set(version, { ...packageJson, _id: `${name}@${version}`, ...release.manifest, dist })
    if (at !== null) known.time.set(version, at)
    known.tags.set(release.tag ?? 'latest', version)
    known.modified = at !== null && at > known.modified ? at : known.modified
    known.revision += 1
    tarballs.set(path, bytes)
    return { url: server.origin + path, path, file: fileName, bytes, integrity, shasum }
  }

  return {
    ...server,
    url,
    signer,
    advisories,
    publish,
    unpublish(name, version) {
      if (version === undefined) packages.delete(name)
      else packages.get(name)?.versions.delete(version)
      for (const path of tarballs.keys()) {
        const isOfName = path.startsWith(`/${name}/-/`)
        if (isOfName && (version === undefined || path.endsWith(`-${version}.tgz`))) tarballs.delete(path)
      }
    },
    setTag(name, tag, version) {
      packages.get(name)?.tags.set(tag, version)
    },
  }
}

function newPackage(packages: Map<string, Package>, name: string): Package {
  const made: Package = { versions: new Map(), time: new Map(), tags: new Map(), modified: FIRST_PUBLISH, revision: 0 }
  packages.set(name, made)
  return made
}

function answer(
  packages: Map<string, Package>,
  tarballs: Map<string, Uint8Array>,
  request: SeenRequest,
): UpstreamAnswer {
  const path = decodeURIComponent(request.path)
  if (path === '/-/ping') return json(200, {})
  const tarball = tarballs.get(path)
  if (tarball) return file(tarball, { etag: `"${createHash('md5').update(tarball).digest('hex')}"` })
  if (path.includes('/-/')) return json(404, { error: 'Not found' })
  const [, name = '', version] = /^\/((?:@[^/]+\/)?[^/]+)(?:\/([^/]+))?$/.exec(path) ?? []
  const found = packages.get(name)
  if (!found) return json(404, { error: 'Not found' })
  const headers = {
    vary: 'accept-encoding, accept',
    'cache-control': 'public, max-age=300',
    'last-modified': new Date(found.modified).toUTCString(),
  }
  if (version !== undefined) {
    const manifest = found.versions.get(found.tags.get(version) ?? version)
    return manifest ? json(200, manifest, headers) : json(404, `version not found: ${version}`)
  }
  return request.headers['accept']?.includes(ABBREVIATED)
    ? json(200, abbreviatedPackument(name, found), { ...headers, 'content-type': ABBREVIATED })
    : json(200, fullPackument(name, found), headers)
}

function fullPackument(name: string, { versions, time, tags, modified, revision }: Package): unknown {
  const created = [...time.values()].toSorted()[0] ?? FIRST_PUBLISH
  return {
    _id: name,
    _rev: `${revision}-upstream`,
    name,
    'dist-tags': Object.fromEntries(tags),
    versions: Object.fromEntries(versions),
    ...(time.size > 0 && { time: { created, modified, ...Object.fromEntries(time) } }),
    maintainers: [{ name: 'upstream', email: 'upstream@registry.example' }],
    readme: `# ${name}\n`,
    readmeFilename: 'README.md',
  }
}

function abbreviatedPackument(name: string, { versions, tags, modified }: Package): unknown {
  const shorten = (manifest: Manifest) =>
    Object.fromEntries(
      ABBREVIATED_MEMBERS.filter((member) => manifest[member]).map((member) => [member, manifest[member]]),
    )
  return {
    name,
    modified,
    'dist-tags': Object.fromEntries(tags),
    versions: Object.fromEntries([...versions].map(([version, manifest]) => [version, shorten(manifest)])),
  }
}
