import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Answer, DataAction, Format, RequestContext } from '../format.ts'
import { formOf } from './accept.ts'
import { serveAdvisories } from './advisories.ts'
import { serveTagDelete, serveTagPut } from './dist-tags.ts'
import { parsePath, type Place } from './path.ts'
import { servePublish } from './publish.ts'
import { serveAttestations, serveKeys } from './provenance.ts'
import { serveDocument, serveTarball, serveWhoami } from './reads.ts'

type Route = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  readonly at: Place['at']
  readonly route: string
  readonly action: DataAction
  handle(place: Place, context: RequestContext): Promise<Answer>
}

const READ = 'codeartifact:ReadFromRepository'
const PUBLISH = 'codeartifact:PublishPackageVersion'

function route<At extends Place['at']>(
  method: Route['method'],
  at: At,
  name: string,
  action: DataAction,
  handle: (place: Extract<Place, { at: At }>, context: RequestContext) => Promise<Answer>,
): Route {
  return {
    method,
    at,
    route: name,
    action,
    handle: (place, context) => handle(place as Extract<Place, { at: At }>, context),
  }
}

const routesFor = (largestPublish: number): readonly Route[] => [
  route('GET', 'package', 'packument', READ, ({ name }, context) =>
    serveDocument(name, formOf(context.headers.accept), context),
  ),
  route('GET', 'version', 'version', READ, ({ name, version }, context) =>
    serveDocument(name, `version:${version}`, context),
  ),
  route('GET', 'tarball', 'tarball', READ, ({ name, file }, context) => serveTarball(name, file, context)),
  route('PUT', 'package', 'publish', PUBLISH, ({ name }, context) => servePublish(name, context, largestPublish)),
  route('GET', 'dist-tags', 'dist-tags', READ, ({ name }, context) => serveDocument(name, 'tags', context)),
  route('PUT', 'dist-tag', 'put-dist-tag', PUBLISH, ({ name, tag }, context) => serveTagPut(name, tag, context)),
  route('DELETE', 'dist-tag', 'delete-dist-tag', PUBLISH, ({ name, tag }, context) =>
    serveTagDelete(name, tag, context),
  ),
  route('GET', 'keys', 'keys', READ, (_, context) => serveKeys(context)),
  route('GET', 'attestations', 'attestations', READ, ({ name, version }, context) =>
    serveAttestations(name, version, context),
  ),
  route('POST', 'advisories', 'advisories', READ, (_, context) => serveAdvisories(context)),
  route('GET', 'ping', 'ping', READ, async () => ({ kind: 'json', status: 200, body: {} })),
  route('GET', 'whoami', 'whoami', READ, (_, context) => serveWhoami(context)),
]

export function createMatch(largestPublish: number): Format['match'] {
  const routes = routesFor(largestPublish)
  return (method, path) => {
    const asked = method === 'HEAD' ? 'GET' : method
    // Nobody can have published under an impossible name, so a reader finds nothing; a writer is told why.
    const place = parsePath(path, asked === 'GET' ? 'not_found' : 'invalid')
    const found = routes.find((candidate) => candidate.at === place.at && candidate.method === asked)
    if (!found) throw unsupported(method, place)
    return {
      route: found.route,
      action: found.action,
      package: nameOf(place),
      handle: (context) => found.handle(place, context),
    }
  }
}

/** Not `not_found`: npm takes that for "gone already", and prints that it unpublished what is still there. */
const unsupported = (method: string, place: Place): RegistryError =>
  place.at === 'revision'
    ? new RegistryError('method_not_allowed', 'Unpublishing is not supported here')
    : new RegistryError('method_not_allowed', `${method.slice(0, 20)} is not supported here`)

const nameOf = (place: Place): PackageName | null => ('name' in place ? place.name : null)
