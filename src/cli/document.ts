import { readFile } from 'node:fs/promises'
import { usage } from './failure.ts'

/** A policy document as it is given on a command line: JSON text, or `@FILE`. `or` says what else could have been written. */
export async function readDocument(given: string, option = '--document', or: readonly string[] = []): Promise<string> {
  if (given.startsWith('@')) return readFileOf(given.slice(1))
  if (given.trimStart().startsWith('{')) return given
  const choices = ['JSON', '@FILE', ...or]
  throw usage(`${option} is ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}; ${given} is none of these`)
}

const readFileOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: unknown) => {
    throw usage(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
