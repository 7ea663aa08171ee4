import { refreshPackage } from '../../api/admin/packages.ts'
import { handler } from '../handler.ts'

/** As long as a package manager's request for it. */
const DEADLINE_MS = 30_000

export const refreshPackageHandler = handler(
  refreshPackage,
  async (_input, { parts, caller, target: { view, repository, name } }) => {
    const scope = { caller, view, domain: view.domain, repository, packageCounter: null }
    return parts.upstreams.refresh(scope, name, { deadline: parts.clock.now() + DEADLINE_MS })
  },
)
