import { listPackages } from '../../api/codeartifact/packages.ts'
import type { InputOf } from '../../api/operation.ts'
import { RegistryError } from '../../registry/errors.ts'
import type { Package, Repository } from '../../registry/model.ts'
import { packageNameOfKey } from '../../registry/names.ts'
import { handler, type ManagementParts } from '../handler.ts'
import { parseWrittenPrefix } from '../package-names.ts'
import { decodePageToken, DEFAULT_PAGE, encodePageToken } from './pages.ts'
import { summarizePackage } from './wire-shapes.ts'

/** A filter that little matches reads at most so many pages of the store; the answer's token then goes on from there. */
const MAX_SCANS = 10
const SCAN = 1000

export const listPackagesHandler = handler(listPackages, async (input, { parts, target: { repository } }) => {
  if (input.namespace !== undefined && input.format === undefined) {
    throw new RegistryError('invalid', 'namespace can be given with format only')
  }
  const { found, next } = await scan(parts, repository, input)
  return {
    packages: found.map(summarizePackage).map(({ name, ...rest }) => ({ ...rest, package: name })),
    ...(next !== null && { nextToken: encodePageToken(next) }),
  }
})

async function scan(parts: ManagementParts, { domain, name }: Repository, input: InputOf<typeof listPackages>) {
  const most = input.maxResults ?? DEFAULT_PAGE
  const wanted = filterOf(parts, input)
  const read = (limit: number, after: string | undefined) =>
    parts.store.listPackages(domain, name, {
      ...(input.format !== undefined && { format: input.format }),
      // What a namespace begins with, keys begin with.
      ...(input.namespace !== undefined && { prefix: input.namespace }),
      limit,
      ...(after !== undefined && { after }),
    })
  const found: Package[] = []
  let after = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken)
  for (let scans = 0; scans < MAX_SCANS && found.length < most; scans++) {
    let page = await read(isFiltered(input) ? SCAN : most, after)
    const matching = page.items.flatMap((held, index) => (wanted(held) ? [index] : []))
    const lastThatFits = matching[most - found.length - 1]
    // Only the store knows the token for what lies inside a page: read again up to there.
    if (lastThatFits !== undefined && lastThatFits + 1 < page.items.length) page = await read(lastThatFits + 1, after)
    found.push(...page.items.filter(wanted))
    if (page.next === null) return { found, next: null }
    after = page.next
  }
  return { found, next: after ?? null }
}

const isFiltered = (input: InputOf<typeof listPackages>): boolean =>
  [input.namespace, input.packagePrefix, input.publish, input.upstream].some((filter) => filter !== undefined)

function filterOf(parts: ManagementParts, input: InputOf<typeof listPackages>): (held: Package) => boolean {
  const prefixes = new Map(
    parts.formats.map(({ id }) => [id, input.packagePrefix && normalizedPrefix(parts, id, input.packagePrefix)]),
  )
  return ({ format, key, origin }) => {
    const { namespace, name } = packageNameOfKey(format, key)
    return (
      (input.namespace === undefined || namespace?.startsWith(input.namespace) === true) &&
      name.startsWith(prefixes.get(format) ?? '') &&
      (input.publish === undefined || origin.publish === input.publish) &&
      (input.upstream === undefined || origin.upstream === input.upstream)
    )
  }
}

/** No name of the format begins so: then the text itself finds none. */
function normalizedPrefix({ formats }: ManagementParts, format: Package['format'], prefix: string): string {
  try {
    return parseWrittenPrefix(formats, format, prefix)
  } catch (error) {
    if (error instanceof RegistryError) return prefix
    throw error
  }
}
