import { rendererBeside, type Format } from '../format.ts'
import { ecosystem } from './ecosystem.ts'
import { renderError } from './errors.ts'
import { parseParts } from './name.ts'
import { createMatch } from './routes.ts'

type NpmSettings = {
  /** The largest body of a publish, in bytes; base64 makes it a third larger than its tarball. */
  readonly largestPublish: number
}

export const createNpm = ({ largestPublish }: NpmSettings): Format => ({
  id: 'npm',
  ecosystem,
  parseName: (name, namespace) => parseParts(namespace, name),
  // Beside this file, whether it runs as it is or compiled.
  renderer: rendererBeside(import.meta.url),
  match: createMatch(largestPublish),
  renderError,
})

export const npm: Format = createNpm({ largestPublish: 1024 ** 3 })
