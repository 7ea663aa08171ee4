import type { Change } from './changes.ts'
import { announce, type ManageContext } from './manage.ts'
import type { MergeMode, Repository } from './model.ts'
import { displayName, type PackageName } from './names.ts'
import type { DomainView } from './topology.ts'

/** The package need not be there: a name is decided about before it is used. */
export const planPutMerge = (
  context: ManageContext,
  { domain }: DomainView,
  { name: repository }: Repository,
  name: PackageName,
  mode: MergeMode,
): readonly Change[] => [
  {
    change: 'put-merge',
    setting: { domain: domain.name, repository, format: name.format, key: name.key, mode },
  },
  announce(context, 'Package Merge Changed', {
    account: domain.owner,
    domain: domain.name,
    detail: {
      domainName: domain.name,
      domainOwner: domain.owner,
      repositoryName: repository,
      packageFormat: name.format,
      packageNamespace: name.namespace,
      packageName: name.name,
      displayName: displayName(name),
      mode,
    },
  }),
]
