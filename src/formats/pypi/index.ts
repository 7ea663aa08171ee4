import { rendererBeside, type Format } from '../format.ts'
import { ecosystem } from './ecosystem.ts'
import { renderError } from './errors.ts'
import { parseName } from './name.ts'
import { match } from './routes.ts'
import { DEFAULT_LIMITS } from './upload-form.ts'

export const pypi: Format = {
  id: 'pypi',
  ecosystem,
  parseName,
  renderer: rendererBeside(import.meta.url),
  match: (method, path) => match(method, path, DEFAULT_LIMITS),
  renderError,
}
