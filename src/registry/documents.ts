import type { ReadableBlob } from './blob-store.ts'
import { outageOf, RegistryError } from './errors.ts'
import type { Connection, IndexVersion, PackageVersion, Repository } from './model.ts'
import type { ConnectionName, FormatId, PackageName } from './names.ts'
import { findUpstream, type ReadOptions } from './offered.ts'
import { mayAskUpstream } from './origin.ts'
import { notFound, originFacts, type ReadParts } from './read.ts'
import { refuseHeld } from './refuse-held.ts'
import { findMergedSource, mergingOf, type MergedParts } from './read-merged.ts'
import type { Scope } from './scope.ts'
import { findVersion } from './packed-facts.ts'
import { connectionsAlong, connectionsOfFormat, mayBeAsked, searchPath } from './topology.ts'
import { wholeOf } from './whole-blob.ts'

// The doors for what registries keep beside packages: documents about one version, documents about the registry itself, and
// questions about packages. The same policy stands in them as in the doors of read.ts; see decision 0016.

export type UpstreamDocument = {
  /** As the upstream sent it. */
  readonly bytes: Uint8Array
  /** The upstream could not be asked, and this is what it said earlier. */
  readonly stale: boolean
}

/** Where a document about a version is to be had: with the version itself, which was published here, or upstream. */
export type VersionDocument =
  | { readonly from: 'here'; readonly version: PackageVersion }
  | { readonly from: 'upstream'; readonly document: UpstreamDocument }

/**
 * What is kept beside one version (or one `file` of it), at `path` below the URL of the connection that it comes from. Throws `not_found`
 * where there is none, `held` for versions that curation holds back, `upstream_down` or `upstream_slow` where nobody can tell.
 */
export async function readVersionDocument(
  parts: MergedParts,
  scope: Scope,
  name: PackageName,
  version: string,
  path: string,
  options: ReadOptions & { readonly file?: string },
): Promise<VersionDocument> {
  const along = searchPath(scope.view, scope.repository.name)
  const names = along.map((repository) => repository.name)
  const held = (await parts.store.listVersions(scope.domain.name, names, name.format, name.key)).filter(
    (one) => one.version === version && (one.status === 'Published' || one.status === 'Unlisted'),
  )
  const hosted = held.find(({ origin }) => origin === 'INTERNAL')
  if (hosted) {
    refuseHeld(parts, scope, name, { ...factsOf(name, hosted), origin: 'INTERNAL' }, parts.clock.now())
    return { from: 'here', version: hosted }
  }
  const missing = notFound(name, `The document ${path}`)
  if (!mayAskUpstream(await originFacts(parts, scope, name), along)) throw missing
  const retained = held.find(({ origin }) => origin === 'EXTERNAL')
  const merging = await mergingOf(parts, scope, name)
  const source = merging
    ? await findMergedSource(parts, scope, name, merging, { version, file: options.file }, options)
    : ((await findListed(parts, scope, name, version, along, options, retained)) ?? sourceOf(scope, name, retained))
  if (!source) throw missing
  refuseHeld(parts, scope, name, { ...factsOf(name, source.facts), origin: 'EXTERNAL' }, parts.clock.now())
  // What was fetched stays, and so does what was said about it, also where the upstream has neither any more.
  const document = await readOne(parts, source.connection, path, options, retained !== undefined)
  if (!document) throw missing
  return { from: 'upstream', document }
}

type Source = { readonly connection: Connection; readonly facts: IndexVersion }

/** The upstream that lists the version. Where none can be asked, that is an outage, unless the version was fetched before. */
async function findListed(
  parts: ReadParts,
  scope: Scope,
  name: PackageName,
  version: string,
  along: readonly Repository[],
  options: ReadOptions,
  retained: PackageVersion | undefined,
): Promise<Source | undefined> {
  const told = await findUpstream(parts, scope, name, along, options).catch(outageOf)
  if (told instanceof RegistryError) {
    if (!retained) throw told
    return undefined
  }
  const facts = told?.index.state === 'present' ? told.index.facts : null
  const listed = facts ? await findVersion(facts, version) : undefined
  if (told && listed) return { connection: told.connection, facts: listed }
  // An older copy cannot tell what does not exist.
  if (told?.stale && !retained)
    throw new RegistryError('upstream_down', `${told.connection.name} cannot be asked at the moment`, { retryAfter: 5 })
  return undefined
}

/** Where a version that was fetched came from; undefined where that connection is gone, or may hear of the name no more. */
function sourceOf({ view }: Scope, name: PackageName, retained: PackageVersion | undefined): Source | undefined {
  const connection = retained && view.connections.get(retained.entryPoint as ConnectionName)
  return retained && connection && mayBeAsked(connection, name.key) ? { connection, facts: retained } : undefined
}

const factsOf = ({ format, key }: PackageName, { version, publishedAt, license }: IndexVersion) => ({
  format,
  key,
  version,
  publishedAt,
  license,
})

/** The documents at `path` of the connections that a request at this repository may draw from, in the order in which they are searched. */
export async function readConnectionDocuments(
  parts: ReadParts,
  scope: Scope,
  format: FormatId,
  path: string,
  options: ReadOptions,
): Promise<readonly UpstreamDocument[]> {
  const documents = connectionsOf(scope, format).map((connection) => readOne(parts, connection, path, options, false))
  return (await Promise.all(documents)).filter((document) => document !== undefined)
}

/** A connection that several repositories along the way hold counts once. */
const connectionsOf = ({ view, repository }: Scope, format: FormatId): readonly Connection[] => [
  ...new Set(connectionsOfFormat(view, searchPath(view, repository.name), format).map(({ connection }) => connection)),
]

async function readOne(
  parts: ReadParts,
  connection: Connection,
  path: string,
  options: ReadOptions,
  evenIfGone: boolean,
): Promise<UpstreamDocument | undefined> {
  for (const isSecondTry of [false, true]) {
    const { index, stale } = await parts.upstream.readDocument(connection, path, {
      deadline: options.deadline,
      whileRevalidating: options.whileRevalidating ?? true,
    })
    const { document, state } = index
    if (!document || (state === 'absent' && !evenIfGone)) return undefined
    await using blob = await parts.blobs.open(document.sha256, document)
    if (blob) {
      parts.used(document.sha256)
      return { bytes: await bytesOf(blob), stale }
    }
    if (isSecondTry) throw new Error(`The document ${document.sha256} is missing from the blob store`)
    // Lost or damaged: it is given up, and fetched anew.
    await parts.store.condemnDamaged([document.sha256])
  }
  return undefined
}

async function bytesOf(blob: ReadableBlob & { readonly size: number }): Promise<Uint8Array> {
  const bytes = blob.bytes ?? (await wholeOf(blob))
  if (!bytes) throw new Error('A stored document ended before its size')
  return bytes
}

/** What upstreams answered about packages. */
export type UpstreamAnswers = {
  readonly answers: readonly { readonly names: readonly PackageName[]; readonly bytes: Uint8Array }[]
  /** Of no upstream's concern: names that belong to the domain, or that a person keeps from going out. */
  readonly keptBack: readonly PackageName[]
  /** Of an upstream that answers no such questions. */
  readonly unanswered: readonly PackageName[]
}

/**
 * Asks about packages by name, each name where an install of it would ask, and nowhere else: so no upstream hears a name that
 * it is not told anyhow. Throws where an upstream fails, for half an answer would look like a whole one, and `not_found` where
 * there is no upstream.
 */
export async function askAboutPackages(
  parts: ReadParts,
  scope: Scope,
  format: FormatId,
  names: readonly PackageName[],
  question: { readonly path: string; about(names: readonly PackageName[]): Uint8Array },
  options: ReadOptions,
): Promise<UpstreamAnswers> {
  if (connectionsOf(scope, format).length === 0)
    throw new RegistryError('not_found', 'This repository draws from no other registry, so there is none to ask')
  const asked = new Map<Connection, PackageName[]>()
  const keptBack: PackageName[] = []
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE)
    const askers = await Promise.all(some.map((name) => askerOf(parts, scope, name)))
    for (const [index, name] of some.entries()) {
      const connection = askers[index]
      const group = connection ? asked.get(connection) : keptBack
      if (group) group.push(name)
      else if (connection) asked.set(connection, [name])
    }
  }
  const answered = await Promise.all(
    asked.entries().map(async ([connection, about]) => {
      const bytes = await parts.upstream.ask(connection, question.path, question.about(about), options)
      return { names: about, bytes }
    }),
  )
  return {
    answers: answered.flatMap(({ names: about, bytes }) => (bytes ? [{ names: about, bytes }] : [])),
    keptBack,
    unanswered: answered.flatMap(({ names: about, bytes }) => (bytes ? [] : about)),
  }
}

/** Questions to the store that wait at the same time. */
const AT_ONCE = 64

/** The first connection that has not denied the name; undefined where none may hear it. */
async function askerOf(parts: ReadParts, scope: Scope, name: PackageName): Promise<Connection | undefined> {
  const along = searchPath(scope.view, scope.repository.name)
  if (!mayAskUpstream(await originFacts(parts, scope, name), along)) return undefined
  const connections = connectionsAlong(scope.view, along, name).map(({ connection }) => connection)
  for (const connection of connections.slice(0, -1)) {
    const index = await parts.store.findIndex(connection.name, name.format, name.key)
    if (index?.state !== 'absent') return connection
  }
  return connections.at(-1)
}
