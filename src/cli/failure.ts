/** What a command ends with. */
export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, notFound: 4 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Something that the person at the terminal should read, without a stack. Anything else that is thrown is a bug. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export const usage = (message: string): Failure => new Failure(EXIT.usage, message)

/** Of what a server answered with this HTTP status. */
export const exitCodeOf = (status: number): ExitCode =>
  status === 401 || status === 403 ? EXIT.refused : status === 404 ? EXIT.notFound : EXIT.failed
