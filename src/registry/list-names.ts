import { curate, rulesFor } from '../policy/curation/curate.ts'
import type { FormatId, PackageKey } from './names.ts'
import type { ReadParts } from './read.ts'
import type { Scope } from './scope.ts'
import { searchPath } from './topology.ts'

/** One answer of the store stalls nobody, and all of it is small. */
const AT_ONCE = 500

/**
 * The names under which repositories along the way have something to give: published there, or fetched. In rising order, in pages. No upstream
 * is asked. A name of which curation holds back all that is here is left out. See decision 0018.
 */
export async function* listNames(
  parts: ListParts,
  scope: Scope,
  format: FormatId,
  atOnce = AT_ONCE,
): AsyncGenerator<readonly PackageKey[]> {
  let after: PackageKey | null = null
  do {
    const read: Read = await readNames(parts, scope, format, { limit: atOnce, after })
    yield await withoutHeld(parts, scope, format, read.names)
    after = read.end
  } while (after !== null)
}

type ListParts = Pick<ReadParts, 'store' | 'clock' | 'versionKey'>
/** `end`: up to where all are known; null where there are no more. */
type Read = { readonly names: readonly PackageKey[]; readonly end: PackageKey | null }

async function readNames(
  { store }: ListParts,
  { domain, view, repository }: Scope,
  format: FormatId,
  page: { readonly limit: number; readonly after: PackageKey | null },
): Promise<Read> {
  const along = searchPath(view, repository.name)
  const found = await Promise.all(along.map(({ name }) => store.listNames(domain.name, name, format, page)))
  // Whoever gave as many as were asked for may have more behind them: as far as the first of these, all are known.
  const ends = found.flatMap((names) => (names.length === page.limit ? names.slice(-1) : []))
  const end = ends.toSorted()[0] ?? null
  return { names: [...new Set(found.flat())].filter((name) => end === null || name <= end).toSorted(), end }
}

async function withoutHeld(
  { store, clock, versionKey }: ListParts,
  scope: Scope,
  format: FormatId,
  names: readonly PackageKey[],
): Promise<readonly PackageKey[]> {
  const rules = rulesFor(scope.view.rules, scope.repository)
  const [first, last] = [names[0], names.at(-1)]
  if (rules.length === 0 || first === undefined || last === undefined) return names
  const along = searchPath(scope.view, scope.repository.name)
  const between = { first, last }
  const facts = await Promise.all(
    along.map(({ name }) => store.listVersionFacts(scope.domain.name, name, format, between)),
  )
  const now = clock.now()
  const given = new Set<string>()
  for (const one of facts.flat())
    if (!given.has(one.key) && curate(rules, one, now, (version) => versionKey(format, version)).allowed)
      given.add(one.key)
  return names.filter((name) => given.has(name))
}
