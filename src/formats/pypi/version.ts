// Versions as PEP 440 defines them (packaging.python.org: version specifiers). Ours, because the one maintained library for
// it compares numbers as doubles: `1.0+1e5` equals `1.0+100000` there, and date-time versions of 17 digits run together.
// What tells two files' versions apart must be exact.

export type Version = {
  /** The normal form, release as it was written: `1!1.0.0rc1.post2.dev3+ubuntu.1`. */
  readonly text: string
  /** Equal for equal versions, whatever their spelling: trailing zeros of the release are gone. */
  readonly key: string
  readonly epoch: bigint
  readonly release: readonly bigint[]
  readonly pre: readonly ['a' | 'b' | 'rc', bigint] | null
  readonly post: bigint | null
  readonly dev: bigint | null
  readonly local: readonly (bigint | string)[] | null
}

const PATTERN =
  /^v?(?:(?<epoch>\d+)!)?(?<release>\d+(?:\.\d+)*)(?:[-_.]?(?<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?<preNumber>\d+)?)?(?<post>-(?<implicit>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?<postNumber>\d+)?)?(?<dev>[-_.]?dev[-_.]?(?<devNumber>\d+)?)?(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/

/** No real version is longer, and it bounds the work. */
const MAX_LENGTH = 200

const PRE = { a: 'a', alpha: 'a', b: 'b', beta: 'b', c: 'rc', rc: 'rc', pre: 'rc', preview: 'rc' } as const

/** A page names each version dozens of times, and sorting compares it again and again: to read it anew each time was a fifth of all work on a page. */
const parsed = new Map<string, Version | null>()
const REMEMBERED = 4_000

/** Undefined where `raw` is no version of PEP 440. */
export function parseVersion(raw: string): Version | undefined {
  if (raw.length > MAX_LENGTH) return undefined
  const known = parsed.get(raw)
  if (known !== undefined) return known ?? undefined
  const version = readVersion(raw)
  if (parsed.size >= REMEMBERED) parsed.clear()
  parsed.set(raw, version ?? null)
  return version
}

function readVersion(raw: string): Version | undefined {
  const groups = PATTERN.exec(raw.trim().toLowerCase())?.groups
  if (!groups) return undefined
  const parts: Omit<Version, 'text' | 'key'> = {
    epoch: BigInt(groups['epoch'] ?? 0),
    release: (groups['release'] ?? '').split('.').map(BigInt),
    pre:
      groups['pre'] === undefined ? null : [PRE[groups['pre'] as keyof typeof PRE], BigInt(groups['preNumber'] ?? 0)],
    post: groups['post'] === undefined ? null : BigInt(groups['implicit'] ?? groups['postNumber'] ?? 0),
    dev: groups['dev'] === undefined ? null : BigInt(groups['devNumber'] ?? 0),
    local: groups['local']?.split(/[-_.]/).map((part) => (/^\d+$/.test(part) ? BigInt(part) : part)) ?? null,
  }
  return { ...parts, text: spell(parts, parts.release), key: spell(parts, withoutTrailingZeros(parts.release)) }
}

function spell({ epoch, pre, post, dev, local }: Omit<Version, 'text' | 'key'>, release: readonly bigint[]): string {
  return [
    epoch === 0n ? '' : `${epoch}!`,
    release.join('.'),
    pre === null ? '' : pre.join(''),
    post === null ? '' : `.post${post}`,
    dev === null ? '' : `.dev${dev}`,
    local === null ? '' : `+${local.join('.')}`,
  ].join('')
}

function withoutTrailingZeros(release: readonly bigint[]): readonly bigint[] {
  const last = release.findLastIndex((part) => part !== 0n)
  return release.slice(0, Math.max(last + 1, 1))
}

/** The normal form of a version; what is none stays as it is. */
export const normalVersion = (raw: string): string => parseVersion(raw)?.text ?? raw

/** One string per version, for telling equal versions in different spellings; what is no version is only equal to itself. */
export const versionKey = (raw: string): string => parseVersion(raw)?.key ?? raw

/** Negative where `a` comes first. What is no version of PEP 440 comes before everything that is, in the order of its text. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)]
  if (left && right) return order(left, right)
  if (left || right) return left ? 1 : -1
  return compare(a, b)
}

function order(a: Version, b: Version): number {
  return (
    compare(a.epoch, b.epoch) ||
    compareRelease(a.release, b.release) ||
    comparePre(a, b) ||
    // Nothing comes before .post0, and after .dev0: https://peps.python.org/pep-0440/#summary-of-permitted-suffixes-and-relative-ordering
    compare(a.post ?? -1n, b.post ?? -1n) ||
    compareDev(a.dev, b.dev) ||
    compareLocal(a.local, b.local)
  )
}

const compare = <T extends bigint | string | number>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

function compareRelease(a: readonly bigint[], b: readonly bigint[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = compare(a[at] ?? 0n, b[at] ?? 0n)
    if (difference !== 0) return difference
  }
  return 0
}

const PHASE = { a: 1, b: 2, rc: 3 } as const

/** 1.0.dev1 comes before 1.0a1, and 1.0a1 before 1.0 and 1.0.post1. */
const phase = ({ pre, post, dev }: Version): number => (pre ? PHASE[pre[0]] : post === null && dev !== null ? 0 : 4)

const comparePre = (a: Version, b: Version): number =>
  compare(phase(a), phase(b)) || compare(a.pre?.[1] ?? 0n, b.pre?.[1] ?? 0n)

function compareDev(a: bigint | null, b: bigint | null): number {
  if (a !== null && b !== null) return compare(a, b)
  return compare(a === null ? 1 : 0, b === null ? 1 : 0)
}

/** Numbers come after words, and what goes on after what ends. */
function compareLocal(a: Version['local'], b: Version['local']): number {
  if (a === null || b === null) return compare(a === null ? 0 : 1, b === null ? 0 : 1)
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const [left, right] = [a[at], b[at]]
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1
    if (typeof left !== typeof right) return typeof left === 'bigint' ? 1 : -1
    const difference = compare(left, right)
    if (difference !== 0) return difference
  }
  return 0
}
