import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext, RouteMatch } from '../format.ts'
import { wantsFresh } from './cache-control.ts'
import { nameCandidates } from './filename.ts'
import { serveLegacyJson } from './legacy-json.ts'
import { findName } from './name.ts'
import { negotiate } from './negotiate.ts'
import { parsePath, type Target } from './path.ts'
import { serveProjectList } from './project-list.ts'
import { serveProvenance } from './provenance.ts'
import { upload } from './upload.ts'
import type { UploadLimits } from './upload-form.ts'

const READ = 'codeartifact:ReadFromRepository'

/** GET simple/, simple/NAME/ and their alias +simple/, packages/…, pypi/NAME/json, integrity/…, and POST to the root or legacy/. */
export function match(method: string, path: string, limits: UploadLimits): RouteMatch {
  const target = parsePath(path)
  if (target.at === 'nothing') throw new RegistryError('not_found', 'There is nothing at this address')
  if (target.at === 'upload') return matchUpload(method, limits)
  if (method !== 'GET' && method !== 'HEAD')
    throw new RegistryError('method_not_allowed', `${method} is not possible here: read with GET or HEAD`)
  switch (target.at) {
    case 'projects':
      return { route: 'projects', action: READ, package: null, handle: async (context) => serveProjectList(context) }
    case 'project':
      return matchProject(target)
    case 'file':
      return matchFile(target)
    case 'legacy-json':
      return matchAbout('legacy-json', target.name, (context, name) => serveLegacyJson(context, name, target.version))
    case 'provenance':
      return matchAbout('provenance', target.name, (context, name) => serveProvenance(context, name, target))
  }
}

function matchAbout(
  route: string,
  project: string,
  handle: (context: RequestContext, name: PackageName) => Promise<Answer>,
): RouteMatch {
  const name = nameOf(project)
  return { route, action: READ, package: name, handle: (context) => handle(context, name) }
}

function nameOf(raw: string): PackageName {
  const name = findName(raw)
  if (!name) throw new RegistryError('not_found', `${JSON.stringify(raw.slice(0, 120))} is no name of a PyPI package`)
  return name
}

function matchUpload(method: string, limits: UploadLimits): RouteMatch {
  if (method === 'POST') {
    return {
      route: 'upload',
      action: 'codeartifact:PublishPackageVersion',
      // The name is in the body: the handler asks for it.
      package: null,
      handle: (context) => upload(context, limits),
    }
  }
  if (method === 'GET' || method === 'HEAD') {
    throw new RegistryError('not_found', 'This address takes uploads by POST; the index is below simple/')
  }
  throw new RegistryError('method_not_allowed', `${method} is not possible here: upload with POST`)
}

function matchProject({ name: raw, slash, alias }: Extract<Target, { at: 'project' }>): RouteMatch {
  const name = nameOf(raw)
  const canonical = slash && raw === name.name
  return {
    route: canonical ? 'project' : 'project-redirect',
    action: READ,
    package: name,
    handle: canonical
      ? (context) => serveProject(context, name, alias && isHatch(context))
      : async (context) => redirect(context, name, alias),
  }
}

/** To a path of this host that is made of checked parts only: nothing of what the client wrote but its parsed query. */
function redirect({ endpoint, query }: RequestContext, name: PackageName, alias: boolean): Answer {
  const search = query.size > 0 ? `?${query}` : ''
  return {
    kind: 'redirect',
    status: 301,
    location: `${new URL(endpoint).pathname}${alias ? '+simple' : 'simple'}/${name.name}/${search}`,
  }
}

/** It reads a project at the alias just before it uploads, and at no other time: no upstream is told a name that may be private. */
const isHatch = ({ headers }: RequestContext): boolean => /^hatch\//i.test(headers['user-agent'] ?? '')

async function serveProject(
  { headers, query, kept }: RequestContext,
  name: PackageName,
  isBeforeUpload: boolean,
): Promise<Answer> {
  const form = negotiate(headers.accept, query.get('format'))
  return {
    kind: 'kept',
    answer: await kept(name, form, { fresh: wantsFresh(headers), ...(isBeforeUpload && { askUpstream: false }) }),
    // Kept by clients, asked about each time: pip 26.2 honours an age, and a version published a moment ago must be seen.
    headers: { 'cache-control': 'private, no-cache' },
  }
}

function matchFile({ path, file, metadata }: Extract<Target, { at: 'file' }>): RouteMatch {
  const names = nameCandidates(file)
  if (names.length === 0) throw new RegistryError('not_found', 'There is no file at this address')
  return {
    route: metadata ? 'metadata' : 'file',
    action: READ,
    package: names.length === 1 ? (names[0] ?? null) : null,
    handle: (context) => serveFile(context, names, { path, file, sideCar: metadata }),
  }
}

type Selection = { readonly path: string; readonly file: string; readonly sideCar: boolean }

async function serveFile(context: RequestContext, names: readonly PackageName[], select: Selection): Promise<Answer> {
  return {
    kind: 'asset',
    asset: await openFirst(context, names, select),
    contentType: select.sideCar ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    // A file's path never gets other bytes. Whoever may read it is asked each time, so no shared cache may keep it.
    headers: { 'cache-control': 'private, max-age=31536000, immutable' },
  }
}

/** Which project an old file name belongs to is a guess; only "not found" allows the next one. */
async function openFirst(
  { registry, scope, deadline, only }: RequestContext,
  names: readonly PackageName[],
  select: Selection,
) {
  let missing: unknown
  for (const name of names) {
    try {
      return await registry.openAsset(scope, name, select, { deadline, only })
    } catch (error) {
      if (!(error instanceof RegistryError && error.code === 'not_found')) throw error
      missing ??= error
    }
  }
  throw missing
}
