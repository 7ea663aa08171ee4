import semver from 'semver'
import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { readSmallBody } from './request-bytes.ts'
import { parseTag } from './tags.ts'

const MAX_BODY = 4096

/** `npm dist-tag add`: the body is the version, as a JSON string. */
export async function serveTagPut(
  name: PackageName,
  rawTag: string,
  { registry, scope, body, headers }: RequestContext,
): Promise<Answer> {
  const tag = parseTag(rawTag)
  await registry.putTag(scope, name, tag, parseVersion(await readSmallBody(body, headers, MAX_BODY)))
  return { kind: 'json', status: 201, body: { ok: true } }
}

export async function serveTagDelete(
  name: PackageName,
  rawTag: string,
  { registry, scope }: RequestContext,
): Promise<Answer> {
  const tag = parseTag(rawTag)
  if (tag === 'latest')
    throw new RegistryError('invalid', 'The dist-tag latest can be moved, but not deleted: clients fail without it')
  await registry.deleteTag(scope, name, tag)
  return { kind: 'json', status: 200, body: { ok: true } }
}

function parseVersion(body: string): string {
  const version = parseJson(body)
  if (typeof version === 'string' && semver.valid(version) === version) return version
  throw new RegistryError('invalid', 'The body is not a version as a JSON string, such as "1.2.3"')
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    return undefined
  }
}
