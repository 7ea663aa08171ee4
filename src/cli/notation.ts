import { format as formatSchema } from '../api/shapes.ts'
import { usage } from './failure.ts'

// How people write things on a command line.

export type FormatName = (typeof formatSchema.options)[number]

export function parseFormat(text: string): FormatName {
  const parsed = formatSchema.safeParse(text)
  if (parsed.success) return parsed.data
  throw usage(`${text} is not a package format; there are ${formatSchema.options.join(', ')}`)
}

/** `npm:@acme/hello` */
export function parsePackage(text: string): { readonly format: FormatName; readonly name: string } {
  const [, format, name] = /^([a-z]+):(\S+)$/.exec(text) ?? []
  if (format === undefined || name === undefined) {
    throw usage(`${text} is not a package: write FORMAT:NAME, such as npm:@acme/hello or pypi:requests`)
  }
  return { format: parseFormat(format), name }
}

/** `npm:lodash@4.17.20`, `npm:@acme/*`, `pypi:requests@2.0,2.1`: an @ that starts a name belongs to its scope. */
export function parsePackageVersions(text: string) {
  const { format, name } = parsePackage(text)
  const at = name.lastIndexOf('@')
  if (at <= 0) return { format, package: name }
  const versions = name
    .slice(at + 1)
    .split(',')
    .filter(Boolean)
  if (versions.length === 0) throw usage(`${text} names no version after its @`)
  return { format, package: name.slice(0, at), versions }
}

/** `@acme/hello` in the two parts that CodeArtifact's API takes. */
export function splitName(name: string): { readonly namespace?: string; readonly package: string } {
  const [, namespace, rest] = /^@([^/]+)\/(.+)$/.exec(name) ?? []
  return namespace !== undefined && rest !== undefined ? { namespace, package: rest } : { package: name }
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** `7d`, `12h`, `90m`, `3600s` or `3600`, to seconds. */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd]?)$/.exec(text) ?? []
  if (count === undefined) throw usage(`${text} is not a duration: write 12h, 90m or a number of seconds`)
  return Number(count) * UNITS[(unit || 's') as keyof typeof UNITS]
}

/** The other way round, in the largest unit that divides it. */
export function printDuration(seconds: number): string {
  const [unit = 's', size = 1] =
    Object.entries(UNITS)
      .toReversed()
      .find(([, one]) => seconds % one === 0) ?? []
  return `${seconds / size}${unit}`
}

/** `2026-09-21T13:33:20Z`, or `2h` for two hours ago, to the former. */
export function parseSince(text: string, now: number = Date.now()): string {
  const at = /^\d{4}-/.test(text) ? Date.parse(text) : now - parseDuration(text) * 1000
  if (Number.isNaN(at)) throw usage(`${text} is not a time: write 2026-09-21T13:00:00Z, or 2h for two hours ago`)
  return new Date(at).toISOString()
}

export function parseCount(option: string, text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text)
  throw usage(`${option} is a whole number above 0, not ${text}`)
}

export const repeated = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]
