import { getPackageMerge } from '../../api/admin/packages.ts'
import { mayAskUpstream } from '../../registry/origin.ts'
import { originFacts } from '../../registry/read.ts'
import { findMerge, searchPath } from '../../registry/topology.ts'
import { handler, type HandlerContext } from '../handler.ts'

export const getPackageMergeHandler = handler(getPackageMerge, async (_input, context) => describeMerge(context))

export async function describeMerge({
  parts,
  caller,
  target: { view, repository, name },
}: Pick<HandlerContext<'package'>, 'parts' | 'caller' | 'target'>) {
  const along = searchPath(view, repository.name)
  const setting = findMerge(view, along, name)
  const scope = { caller, view, domain: view.domain, repository, packageCounter: null }
  return {
    mode: setting?.mode ?? 'never',
    setIn: setting?.repository.name ?? null,
    asksUpstreams: mayAskUpstream(await originFacts(parts, scope, name), along),
  } as const
}
