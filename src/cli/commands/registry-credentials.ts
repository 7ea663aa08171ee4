import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import type { operations } from '../../api/index.ts'
import type { InputOf } from '../../api/operation.ts'
import { usage } from '../failure.ts'

/** What it holds is checked by the server, which also says what is wrong with it. */
export async function readCredentials(
  file: string,
): Promise<InputOf<typeof operations.createConnection>['credentials']> {
  const reading = file === '-' ? readAll(process.stdin) : readFile(file, 'utf8')
  const text = await reading.catch((cause: unknown) => {
    throw usage(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message would quote the secret.
    throw usage(`${file} is not JSON`)
  }
}
