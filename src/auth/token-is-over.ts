import { RegistryError } from '../registry/errors.ts'

/**
 * A token of this installation, its signature right, that holds no more: it expired, or whoever it was made for is gone. Sending it proves
 * that nobody guesses, so it counts as no failed log-in: a build whose token runs out must hear why, each time.
 */
export class TokenIsOver extends RegistryError {
  constructor(message: string) {
    super('unauthenticated', message)
  }
}
