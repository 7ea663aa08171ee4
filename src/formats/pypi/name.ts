import { RegistryError } from '../../registry/errors.ts'
import { packageName, type PackageName } from '../../registry/names.ts'

/** PEP 508: letters, digits and `-_.`, a letter or digit at both ends. */
const PROJECT_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/

/** CodeArtifact's limit for package names. */
const MAX_LENGTH = 255

/** PEP 503. The one normalisation: storage, routing, policy and ownership compare nothing else. */
const normalized = (raw: string): string => raw.replace(/[-_.]+/g, '-').toLowerCase()

/** A project name in any of its spellings; undefined where it is none. */
export function findName(raw: string): PackageName | undefined {
  if (raw.length > MAX_LENGTH || !PROJECT_NAME.test(raw)) return undefined
  return packageName('pypi', null, normalized(raw))
}

/** As `findName`, for names that people and APIs give: throws `invalid`. */
export function parseName(raw: string, namespace: string | null): PackageName {
  if (namespace !== null && namespace !== '') throw new RegistryError('invalid', 'A PyPI package has no namespace')
  const name = findName(raw)
  if (!name) {
    const shown = JSON.stringify(raw.slice(0, 120))
    throw new RegistryError(
      'invalid',
      `${shown} is not a valid PyPI package name: it has letters, digits and . _ -, and starts and ends with a letter or digit`,
    )
  }
  return name
}
