import { putPackageMerge } from '../../api/admin/packages.ts'
import { RegistryError } from '../../registry/errors.ts'
import { planPutMerge } from '../../registry/manage-merges.ts'
import { readTopologyCounter } from '../../registry/topology.ts'
import { handler } from '../handler.ts'
import { describeMerge } from './get-package-merge.ts'

export const putPackageMergeHandler = handler(putPackageMerge, async ({ mode }, { parts, caller, target, manage }) => {
  const { view, repository, name } = target
  const format = parts.formats.find(({ id }) => id === name.format)
  if (!format?.ecosystem.merging)
    throw new RegistryError('invalid', `Sources of ${name.format} packages cannot be merged: a version is one file`)
  await parts.store.commit(planPutMerge(manage, view, repository, name, mode))
  const after = await parts.topology.find(view.domain.name, await readTopologyCounter(parts.store))
  return describeMerge({ parts, caller, target: { ...target, view: after ?? view } })
})
