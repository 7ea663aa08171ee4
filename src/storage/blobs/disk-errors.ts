import { RegistryError } from '../../registry/errors.ts'

/** The error code of a failed system call: `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/**
 * What a failed system call means to the person at the other end. A full disk and used-up descriptors pass, so they are
 * answered as what they are; everything else (EIO first of all) goes on as it is, to be logged in full.
 */
export function asRegistryError(error: unknown): unknown {
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new RegistryError('disk_full', 'The registry has no room left on its disk', { cause: error })
    case 'EMFILE':
    case 'ENFILE':
      return new RegistryError('busy', 'The registry has too many files open; try again', {
        cause: error,
        retryAfter: 1,
      })
    default:
      return error
  }
}

/** Undefined where the file is not there; other failures are thrown. */
export async function unlessMissing<T>(pending: Promise<T>): Promise<T | undefined> {
  try {
    return await pending
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
