import { putPackageOriginConfiguration } from '../../api/codeartifact/packages.ts'
import { planSetOrigin } from '../../registry/manage-repositories.ts'
import { handler } from '../handler.ts'

export const putPackageOriginConfigurationHandler = handler(
  putPackageOriginConfiguration,
  async ({ restrictions }, { parts, target: { view, repository, name }, manage }) => {
    await parts.store.commit(planSetOrigin(manage, view, repository, name, restrictions))
    return { originConfiguration: { restrictions } }
  },
)
