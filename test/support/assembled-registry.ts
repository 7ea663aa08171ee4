import { createHash } from 'node:crypto'
import { npm } from '../../src/formats/npm/index.ts'
import { pypi } from '../../src/formats/pypi/index.ts'
import { rememberFound } from '../../src/registry/found-assets.ts'
import { rememberOffers } from '../../src/registry/remembered-offers.ts'
import type { Format } from '../../src/formats/format.ts'
import type { Change } from '../../src/registry/changes.ts'
import { UNLIMITED, ANONYMOUS, type Connection, type Repository } from '../../src/registry/model.ts'
import {
  parseAccountId,
  parseConnectionName,
  parseDomainName,
  parseRepositoryName,
  type FormatId,
  type PackageName,
} from '../../src/registry/names.ts'
import type { PublishRequest } from '../../src/registry/publish.ts'
import type { MergeJob } from '../../src/registry/merge-job.ts'
import { mergeReader, type MergeParts } from '../../src/registry/merged-index.ts'
import type { MergedParts } from '../../src/registry/read-merged.ts'
import { createRegistry, type Registry } from '../../src/registry/registry.ts'
import type { Scope } from '../../src/registry/scope.ts'
import { createTopology, readRepository } from '../../src/registry/topology.ts'
import { excerpt, merge, readIndex } from '../../src/server/worker.ts'
import { assembleUpstream, type Assembled } from './upstream/assembled.ts'

// The core with real stores in memory and real formats, drawing from upstreams on the loopback interface: no HTTP in front.

const ACCOUNT = parseAccountId('000000000000')
export const DOMAIN = parseDomainName('local')

export const npmPackage = (name: string): PackageName =>
  name.startsWith('@')
    ? npm.parseName(name.split('/')[1] ?? '', name.slice(1).split('/')[0] ?? '')
    : npm.parseName(name, null)
export const pypiPackage = (name: string): PackageName => pypi.parseName(name, null)

const FORMATS: Readonly<Record<FormatId, Format>> = { npm, pypi }
export const formatOf = (name: PackageName): Format => FORMATS[name.format]

export type Layout = {
  /** Names of connections, with where they lead. `npm:…` and `pypi:…` say the format. */
  readonly connections: Readonly<Record<string, string>>
  /** Repositories, those that others have as upstream first. */
  readonly repositories: Readonly<
    Record<string, { readonly upstreams?: readonly string[]; readonly connections?: readonly string[] }>
  >
}

export type AssembledRegistry = AsyncDisposable &
  Pick<Assembled, 'store' | 'blobs' | 'clock' | 'observed' | 'upstream'> & {
    readonly registry: Registry
    readonly readParts: MergedParts
    readonly mergeParts: MergeParts
    readonly retentionFailures: unknown[]
    /** Where a request for the repository stands at this moment. */
    scope(repository: string): Promise<Scope>
    commit(...changes: Change[]): Promise<void>
    /** Publishes one small file, with this text in it. */
    publish(
      repository: string,
      name: PackageName,
      version: string,
      text: string,
      more?: Partial<Omit<PublishRequest, 'file'>> & { readonly file?: string; readonly path?: string },
    ): ReturnType<Registry['publish']>
  }

const connectionOf = (name: string, url: string): Connection => ({
  name: parseConnectionName(name),
  format: name.startsWith('pypi:') ? 'pypi' : 'npm',
  url,
  fileOrigins: [],
  credentials: null,
  builtIn: false,
  ...UNLIMITED,
})

export async function assembleRegistry(layout: Layout): Promise<AssembledRegistry> {
  const assembled = await assembleUpstream({
    readIndex: async (format, received, name, known) => {
      const read = await readIndex({ renderer: FORMATS[format].renderer.href, received, name, known })
      if ('failed' in read) throw new Error(read.failed.message)
      if ('tooLarge' in read) throw new Error('This thread reads documents of any size')
      return read
    },
    async excerpt(format, compressed, name, files) {
      const excerpts = await excerpt({ renderer: FORMATS[format].renderer.href, compressed, name, files })
      return excerpts as Readonly<Record<string, string>>
    },
    limits: { tries: 1, firstPauseMs: 1, longestPauseMs: 1 },
  })
  const { store, blobs, clock, upstream } = assembled
  const repositoryOf = ([name, { upstreams = [], connections = [] }]: [
    string,
    Layout['repositories'][string],
  ]): Repository => ({
    domain: DOMAIN,
    name: parseRepositoryName(name),
    administrator: ACCOUNT,
    description: null,
    createdAt: clock.now(),
    upstreams: upstreams.map(parseRepositoryName),
    connections: connections.map(parseConnectionName),
  })
  await store.commit([
    { change: 'create-account', account: { id: ACCOUNT, createdAt: clock.now() } },
    { change: 'create-domain', domain: { name: DOMAIN, owner: ACCOUNT, createdAt: clock.now(), reserved: [] } },
    ...Object.entries(layout.connections).map(
      ([name, url]) => ({ change: 'create-connection', connection: connectionOf(name, url) }) as const,
    ),
    ...Object.entries(layout.repositories).map(
      (entry) => ({ change: 'create-repository', repository: repositoryOf(entry) }) as const,
    ),
  ])
  const topology = createTopology(store)
  const retentionFailures: unknown[] = []
  const sideCars = { prepare: async () => false, deriveBehind: () => {} }
  const given = {
    store,
    blobs,
    upstream,
    clock,
    findAsset: rememberFound(store),
    offers: rememberOffers({ store, clock }),
    sideCars,
    versionKey: (format: FormatId, version: string) => FORMATS[format].ecosystem.versionKey(version),
    sideCarsOf: (format: FormatId) => FORMATS[format].ecosystem.sideCars,
    used: () => {},
    onRetentionFailure: (error: unknown) => void retentionFailures.push(error),
    merge: async (format: FormatId, job: MergeJob) => {
      const merged = await merge({ ...job, renderer: FORMATS[format].renderer.href })
      if ('failed' in merged) throw new Error(merged.failed.message)
      return merged
    },
  }
  const readParts: MergedParts = { ...given, merged: mergeReader(given) }
  const registry = createRegistry({ ...given, require: async () => {} })
  const scope = async (name: string): Promise<Scope> => {
    const revision = await store.readRevision({ domain: DOMAIN, format: 'npm', key: '' as never, index: null })
    const view = await topology.find(DOMAIN, revision.topology)
    if (!view) throw new Error('the domain is gone')
    return {
      caller: ANONYMOUS,
      view,
      domain: view.domain,
      repository: readRepository(view, parseRepositoryName(name)),
      packageCounter: null,
    }
  }
  return {
    ...assembled,
    registry,
    readParts,
    mergeParts: given,
    retentionFailures,
    scope,
    commit: (...changes) => store.commit(changes),
    async publish(repository, name, version, text, { file = `${name.name}-${version}.tgz`, path, ...more } = {}) {
      await using blob = await blobs.begin({ digests: ['sha512', 'sha1'] })
      await blob.write(Buffer.from(text))
      const { digests, size } = await blob.finish()
      const asset = { file, size, digests, path: path ?? null, sideCar: null, metadata: null }
      return await registry.publish(await scope(repository), {
        name,
        version,
        file: { asset, blob },
        metadata: JSON.stringify({ name: name.name, version }),
        license: 'MIT',
        tags: [],
        firstTag: 'latest',
        mayAddFiles: true,
        conflictMessage: `File already exists (${file})`,
        ...more,
      })
    },
  }
}

export const sha256Of = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
