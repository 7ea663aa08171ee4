import { curate, rulesFor } from '../policy/curation/curate.ts'
import type { Finding, VersionFacts } from '../policy/curation/rule.ts'
import { RegistryError } from './errors.ts'
import type { Instant } from './model.ts'
import { displayName, type FormatId, type PackageName } from './names.ts'
import type { Scope } from './scope.ts'

/** Curation at the door of one file: throws `held` with the reasons. */
export function refuseHeld(
  { versionKey }: { readonly versionKey: (format: FormatId, version: string) => string },
  scope: Scope,
  name: PackageName,
  facts: VersionFacts,
  now: Instant,
): void {
  const { allowed, findings } = curate(rulesFor(scope.view.rules, scope.repository), facts, now, (version) =>
    versionKey(name.format, version),
  )
  if (!allowed) throw heldError(name, facts.version, findings)
}

const releasedAt = (until: Instant | null): string =>
  until === null ? '' : `; it is released at ${new Date(until).toISOString()}`

export function heldError(name: PackageName, version: string, findings: readonly Finding[]): RegistryError {
  const why = findings.map(({ rule, reason, until }) => `${reason}${releasedAt(until)} (rule ${rule})`).join('; ')
  return new RegistryError('held', `${displayName(name)} ${version} is held back: ${why}`, {
    resourceType: 'package-version',
    resourceId: displayName(name),
  })
}
