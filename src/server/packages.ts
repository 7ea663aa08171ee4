import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Authenticator } from '../auth/authenticate.ts'
import type { Format, RequestContext, RouteMatch } from '../formats/format.ts'
import { loginNeeded, type Authorizer } from '../registry/authorize.ts'
import { RegistryError } from '../registry/errors.ts'
import type { Caller } from '../registry/model.ts'
import {
  arn,
  parseDomainName,
  parseRepositoryName,
  type DomainName,
  type PackageName,
  type RepositoryName,
} from '../registry/names.ts'
import type { Clock, PackageReads } from '../registry/ports.ts'
import type { Scope } from '../registry/scope.ts'
import type { Registry } from '../registry/registry.ts'
import { readRepository, type Topology } from '../registry/topology.ts'
import type { Addresses } from './addresses.ts'
import type { Kept, RevisionRead } from './kept.ts'
import type { Exchange } from './exchange.ts'
import { carry } from './head.ts'
import { splitTarget } from './request-target.ts'
import { encodeAside, negotiateEncoding } from './content-encoding.ts'
import { bug, send, sendError } from './respond.ts'

// A package manager's request: /<format>/<domain>/<repository>/<what the format makes of the rest>.

/** How long a request may take until its first byte leaves: clients give up soon after, and an upstream may take no longer. */
const DEADLINE_MS = 30_000

export type PackageParts = {
  readonly formats: ReadonlyMap<string, Format>
  readonly store: PackageReads
  readonly topology: Topology
  readonly registry: Registry
  readonly kept: Kept
  readonly clock: Clock
  readonly region: string
  readonly addresses: Addresses
  readonly authenticator: Pick<Authenticator, 'packageClient'>
  readonly authorizer: Pick<Authorizer, 'require'>
}

/** The parts of a package manager's path; undefined where it is none. Nothing of it is decoded but by the format's own parser. */
export function splitPackagePath(
  rawPath: string,
): { format: string; domain: string; repository: string; rest: string } | undefined {
  const match = /^\/([a-z]+)\/([^/]+)\/([^/]+)(\/.*)$/s.exec(rawPath)
  if (!match) return undefined
  const [, format = '', domain = '', repository = '', rest = ''] = match
  return { format, domain, repository, rest }
}

export async function servePackages(
  parts: PackageParts,
  format: Format,
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
): Promise<void> {
  try {
    const { rawPath, rawQuery: query } = splitTarget(request)
    const path = splitPackagePath(rawPath)
    if (!path) throw new RegistryError('not_found', 'A repository address is /<format>/<domain>/<repository>/')
    const route = format.match(request.method ?? 'GET', path.rest, request.headers)
    exchange.route = `${format.id} ${route.route}`
    const names = {
      domain: nameOf(parseDomainName, path.domain, 'domain'),
      repository: nameOf(parseRepositoryName, path.repository, 'repository'),
    }
    const { scope, read } = await enter(parts, format, request, route, names, exchange)
    const context = contextOf(parts, { format, request, query, scope, read, exchange })
    const answer = await route.handle(context)
    if (answer.kind === 'asset') exchange.cache = { kind: 'asset', status: answer.asset.cache }
    if (exchange.cache) carry(response, 'x-cache', exchange.cache.status)
    await send(request, response, answer)
  } catch (error) {
    const known = exchange.explain(error)
    sendError(
      request,
      response,
      known ? format.renderError(known, { headers: request.headers, requestId: exchange.id }) : bug(exchange.id),
    )
  }
}

/** A name that cannot exist is a thing that does not. */
function nameOf<Name>(parse: (raw: string) => Name, raw: string, what: string): Name {
  try {
    return parse(raw)
  } catch (error) {
    throw new RegistryError('not_found', `There is no such ${what}: ${(error as Error).message}`, { cause: error })
  }
}

/** Who asks, for what, and may they: everything that happens before a handler runs. */
async function enter(
  parts: PackageParts,
  format: Format,
  request: IncomingMessage,
  route: RouteMatch,
  names: { domain: DomainName; repository: RepositoryName },
  exchange: Exchange,
): Promise<{ scope: Scope; read: RevisionRead }> {
  const name = route.package
  const index = name && parts.kept.connectionOf(names, name)
  const revision = await parts.store.readRevision({
    domain: names.domain,
    format: format.id,
    key: name?.key ?? ('' as PackageName['key']),
    index,
  })
  const address = parts.addresses.peerOf(request)
  const { authorization } = request.headers
  const callerAt = (topology: number) => parts.authenticator.packageClient({ authorization, address, topology })
  const caller = await callerAt(revision.topology)
  exchange.caller = caller
  // Before anything is looked up: a token for one domain tells nothing of the others, not even whether there are any.
  if (caller.kind !== 'anonymous' && caller.domain !== null && caller.domain !== names.domain) {
    throw new RegistryError('forbidden', `This token is for the domain ${caller.domain} only`)
  }
  const view = await parts.topology.find(names.domain, revision.topology)
  if (!view) throw missing(caller, route.action, `Domain ${names.domain} does not exist`)
  const owner = view.domain.owner
  const facts = { 'aws:SourceIp': address }
  const administrator = view.repositories.get(names.repository)?.administrator ?? null
  const ask = (action: string, resource: string) =>
    parts.authorizer.require({
      caller,
      action,
      resource,
      owner,
      domain: names.domain,
      repository: { name: names.repository, administrator },
      topology: revision.topology,
      context: facts,
    })
  if (route.action === 'codeartifact:ReadFromRepository') {
    await ask(route.action, arn.repository(parts.region, owner, names.domain, names.repository))
  } else if (name) {
    await ask(route.action, arn.package(parts.region, owner, names.domain, names.repository, name))
  } else if (caller.kind === 'anonymous') {
    // The name stands in the body: the handler asks as soon as it has read it.
    throw loginNeeded(route.action)
  }
  const scope = {
    caller,
    callerAt,
    facts,
    view,
    domain: view.domain,
    repository: readRepository(view, names.repository),
    packageCounter: name ? revision.package : null,
    index: index && { connection: index, read: revision.index },
  }
  return { scope, read: { revision, index } }
}

/** Whoever is nobody learns nothing about what exists. */
const missing = (caller: Caller, action: string, message: string): RegistryError =>
  caller.kind === 'anonymous'
    ? loginNeeded(action)
    : new RegistryError('not_found', message, { resourceType: 'domain' })

function contextOf(
  parts: PackageParts,
  {
    format,
    request,
    query,
    scope,
    read,
    exchange,
  }: { format: Format; request: IncomingMessage; query: string; scope: Scope; read: RevisionRead; exchange: Exchange },
): RequestContext {
  const deadline = parts.clock.now() + DEADLINE_MS
  const endpoint = `${parts.addresses.originOf(request)}/${format.id}/${scope.domain.name}/${scope.repository.name}/`
  const wanted = () => negotiateEncoding(request.headers['accept-encoding'] as string | undefined)
  return {
    scope,
    method: request.method ?? 'GET',
    only: request.method === 'HEAD' ? 'headers' : request.headers.range === undefined ? undefined : 'range',
    headers: request.headers,
    query: new URLSearchParams(query),
    body: request,
    endpoint,
    registry: parts.registry,
    deadline,
    async encode(body) {
      const encoding = wanted()
      return { body: await encodeAside(body, encoding), encoding }
    },
    async kept(name, form, options = {}) {
      const encoding = options.encoding ?? wanted()
      const { answer, status } = await parts.kept.read({ format, scope, name, form, encoding, endpoint }, read, {
        deadline,
        askUpstream: options.askUpstream ?? true,
        whileRevalidating: !(options.fresh ?? false),
      })
      exchange.cache = { kind: 'index', status }
      return answer
    },
  }
}
