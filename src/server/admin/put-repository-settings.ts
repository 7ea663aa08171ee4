import { putRepositorySettings } from '../../api/admin/repository-settings.ts'
import { planPutRepositorySettings } from '../../registry/manage-repositories.ts'
import { handler } from '../handler.ts'

export const putRepositorySettingsHandler = handler(
  putRepositorySettings,
  async ({ withdrawn }, { parts, target: { view, repository }, manage }) => {
    await parts.store.commit(planPutRepositorySettings(manage, view, repository, withdrawn))
    return { withdrawn }
  },
)
