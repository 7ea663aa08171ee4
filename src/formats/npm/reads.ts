import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { wantsFresh } from './accept.ts'
import { ecosystem } from './ecosystem.ts'

// Clients keep a document but ask each time whether it still holds: what was published a second ago must be seen.
const DOCUMENT_CACHING = 'private, no-cache'
const TARBALL_CACHING = 'private, max-age=31536000, immutable'

/** Everything about a package that is rendered: see `render` for the forms. */
export async function serveDocument(name: PackageName, form: string, context: RequestContext): Promise<Answer> {
  const answer = await context.kept(name, form, {
    ...((await isLookUpBeforePublish(name, context)) && { askUpstream: false }),
    ...(wantsFresh(context.headers['cache-control']) && { fresh: true }),
  })
  const notice = answer.notice === null ? {} : { 'npm-notice': answer.notice }
  return { kind: 'kept', answer, headers: { 'cache-control': DOCUMENT_CACHING, ...notice } }
}

/** npm reads a package just before it publishes it: the upstream is not told a name that may be private. */
async function isLookUpBeforePublish(
  name: PackageName,
  { registry, scope, headers }: RequestContext,
): Promise<boolean> {
  if (headers['npm-command'] !== 'publish') return false
  try {
    await registry.requirePublish(scope, name)
    return true
  } catch (error) {
    if (error instanceof RegistryError) return false
    throw error
  }
}

export async function serveTarball(name: PackageName, file: string, context: RequestContext): Promise<Answer> {
  const { registry, scope, deadline, only } = context
  const asset = await registry.openAsset(scope, name, { file }, { deadline, only })
  return { kind: 'asset', asset, contentType: ecosystem.fileType(file), headers: { 'cache-control': TARBALL_CACHING } }
}

export async function serveWhoami({ scope }: RequestContext): Promise<Answer> {
  const { caller } = scope
  if (caller.kind === 'anonymous') throw new RegistryError('unauthenticated', 'You are not logged in to this registry')
  const username = caller.kind === 'user' ? caller.userName : `${caller.roleName}/${caller.sessionName}`
  return { kind: 'json', status: 200, body: { username } }
}
