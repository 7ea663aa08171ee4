import type { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import { usage } from '../failure.ts'
import { parseDuration, parsePackage, repeated } from '../notation.ts'
import { facts } from '../output.ts'

// What a connection is asked for, and for how long: the same options make one and change it.

export const ONLY = [
  '--only <package>',
  'ask it for these packages alone: FORMAT:NAME, or FORMAT:START* for all names that start so; may be repeated',
  repeated,
] as const
export const EXCEPT = ['--except <package>', 'never ask it for these packages; may be repeated', repeated] as const
export const TIMEOUT = ['--timeout <duration>', 'how long one request to it may take: 10s, 2m'] as const

export type LimitOptions = {
  readonly only?: readonly string[]
  readonly except?: readonly string[]
  readonly timeout?: string
}

type Connection = OutputOf<typeof operations.createConnection>

/** `format`: the connection's, where it is known here. */
export const limitsOf = ({ only, except, timeout }: LimitOptions, format?: string) => ({
  ...(only && { only: only.map((text) => nameOf(text, format)) }),
  ...(except && { except: except.map((text) => nameOf(text, format)) }),
  ...(timeout !== undefined && { timeoutMs: parseDuration(timeout) * 1000 }),
})

function nameOf(text: string, format: string | undefined): string {
  const meant = parsePackage(text)
  if (format !== undefined && meant.format !== format) throw usage(`${text} is no package of a connection of ${format}`)
  return meant.name
}

export function askedFor({ format, only, except }: Connection): string {
  const written = (names: readonly string[]) => names.map((name) => `${format}:${name}`).join(', ')
  const all = only.length === 0 ? 'everything' : written(only)
  return except.length === 0 ? all : `${all} but ${written(except)}`
}

export const describe = (connection: Connection): string =>
  facts([
    ['Name', connection.name],
    ['Format', connection.format],
    ['URL', connection.url],
    ['Credentials', connection.hasCredentials ? 'stored, sealed' : 'none'],
    ['Asked for', askedFor(connection)],
    ['Timeout', connection.timeoutMs === null ? null : `${connection.timeoutMs / 1000} s`],
    ['Enabled', connection.enabled ? null : 'no: it is asked for nothing'],
  ])
