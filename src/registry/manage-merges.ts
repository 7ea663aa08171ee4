import type { Change } from './changes.ts'
import { RegistryError } from './errors.ts'
import { packageDetail } from './events.ts'
import { announce, type ManageContext } from './manage.ts'
import type { MergeMode, Repository } from './model.ts'
import { displayName, type PackageName } from './names.ts'
import type { DomainView } from './topology.ts'

/** All of them are part of the view of the domain that every request has. */
const MAX_NAMES = 10_000

/** The package need not be there: a name is decided about before it is used. */
export function planPutMerge(
  context: ManageContext,
  { domain, merges }: DomainView,
  { name: repository }: Repository,
  name: PackageName,
  mode: MergeMode,
): readonly Change[] {
  if ((merges?.size ?? 0) >= MAX_NAMES)
    throw new RegistryError('quota', `Domain ${domain.name} merges the sources of ${MAX_NAMES} names already`, {
      resourceType: 'domain',
      resourceId: domain.name,
    })
  const setting = { domain: domain.name, repository, format: name.format, key: name.key, mode }
  const event = announce(context, 'Package Merge Changed', {
    account: domain.owner,
    domain: domain.name,
    detail: {
      ...packageDetail(domain, repository, name),
      displayName: displayName(name),
      mode,
    },
  })
  return [{ change: 'put-merge', setting }, event]
}
