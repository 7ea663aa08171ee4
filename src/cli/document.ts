import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { usage } from './failure.ts'

// Texts as they are given on a command line: as they are, or in a file.

/** A policy document: JSON text, or `@FILE`. `or` says what else could have been written. */
export async function readDocument(given: string, option = '--document', or: readonly string[] = []): Promise<string> {
  if (given.startsWith('@')) return readTextOf(option, given.slice(1))
  if (given.trimStart().startsWith('{')) return given
  const choices = ['JSON', '@FILE', ...or]
  throw usage(`${option} is ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}; ${given} is none of these`)
}

/** Any text, or `@FILE`. What it means is the server's business, which says where it is wrong. */
export const readTextOrFile = async (option: string, given: string): Promise<string> =>
  given.startsWith('@') ? readTextOf(option, given.slice(1)) : given

/** What is in the file, or comes from standard input for `-`. */
export const readTextOf = (option: string, file: string): Promise<string> =>
  (file === '-' ? readAll(process.stdin) : readFile(file, 'utf8')).catch((cause: unknown) => {
    throw usage(`${option}: ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
