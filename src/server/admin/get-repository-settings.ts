import { getRepositorySettings } from '../../api/admin/repository-settings.ts'
import { handler } from '../handler.ts'

export const getRepositorySettingsHandler = handler(
  getRepositorySettings,
  async (_input, { target: { repository } }) => ({ withdrawn: repository.withdrawn ?? 'serve' }),
)
