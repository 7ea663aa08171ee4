import { asksForTime, rulesFor } from '../policy/curation/curate.ts'
import { outageOf } from './errors.ts'
import type { Instant } from './model.ts'
import type { PackageName } from './names.ts'
import { findInIndex, type OfferedParts } from './offered.ts'
import type { FoundAsset } from './ports.ts'
import type { Scope } from './scope.ts'
import { searchPath } from './topology.ts'

const AGE_DEADLINE_MS = 10_000

/** When the version of a file that is here was published, for the rules that ask. */
export async function withKnownAge(
  parts: OfferedParts,
  scope: Scope,
  name: PackageName,
  { version, asset }: FoundAsset,
): Promise<{ readonly publishedAt: Instant | null }> {
  if (!isOfUnknownAge(scope, version)) return version
  const along = searchPath(scope.view, scope.repository.name)
  const options = { deadline: parts.clock.now() + AGE_DEADLINE_MS }
  // Without the upstream's word it is as old as it is here: held rather than let through.
  const offered = await findInIndex(parts, scope, name, { file: asset.file }, along, options).catch(outageOf)
  return offered && !('code' in offered) ? offered.facts : version
}

/** What came by its own manifest counts as published when it was fetched. Where a rule asks for its age, the index knows better. */
const isOfUnknownAge = (scope: Scope, { origin, publishedAt, createdAt }: FoundAsset['version']): boolean =>
  origin === 'EXTERNAL' && publishedAt === createdAt && asksForTime(rulesFor(scope.view.rules, scope.repository))
