import { parseWheelName } from './filename.ts'

// Which machines a wheel is for, as far as its name tells (PEP 425, 600, 656), and whether an installer that could take one wheel
// could take another in its place. In doubt it could.

/** Of one Python, or of all from one on. `*` stands for every implementation. */
type Interpreter = {
  readonly implementation: string
  readonly major: number
  readonly from: number
  readonly to: number
  /** null: any. */
  readonly abi: string | null
}

type Machines = { readonly interpreters: readonly Interpreter[]; readonly platforms: ReadonlySet<string> }

/**
 * Wheels for machines that none of the others is for, where all wheels among the others are for some machines only. An installer takes
 * a wheel for its machine before one for any, and before a source distribution: so to what has only those, nothing is added.
 */
export function extraWheels(others: readonly string[]): (file: string) => boolean {
  const theirs = others.flatMap((other) => machinesOf(other) ?? [])
  if (theirs.length === 0 || theirs.some(isForAny)) return () => false
  return (file) => {
    const own = machinesOf(file)
    return own !== undefined && !isForAny(own) && !theirs.some((each) => overlap(own, each))
  }
}

const isForAny = ({ platforms }: Machines): boolean => platforms.has('any')

/** undefined: no wheel. */
function machinesOf(file: string): Machines | undefined {
  const wheel = parseWheelName(file)
  if (!wheel) return undefined
  const [pythons, abis, platforms] = [wheel.python, wheel.abi, wheel.platform].map((tags) =>
    tags.toLowerCase().split('.'),
  )
  return {
    interpreters: (pythons ?? []).flatMap((python) => (abis ?? []).map((abi) => interpreterOf(python, abi))),
    platforms: new Set(platforms?.flatMap(familyOf)),
  }
}

const ANYTHING: Interpreter = { implementation: '*', major: -1, from: 0, to: Infinity, abi: null }

/** `py3`: every Python 3. `cp39-abi3`: CPython from 3.9 on. `cp312-cp312`: that one. */
function interpreterOf(python: string, abi: string): Interpreter {
  const [, implementation, major, minor] = /^([a-z]+)(\d)(\d*)$/.exec(python) ?? []
  if (implementation === undefined) return ANYTHING
  const isForLater = implementation === 'py' || minor === '' || /^abi\d/.test(abi)
  const from = Number(minor)
  return {
    implementation: implementation === 'py' ? '*' : implementation,
    major: Number(major),
    from,
    to: isForLater ? Infinity : from,
    abi: abi === 'none' || /^abi\d/.test(abi) ? null : abi,
  }
}

const LINUX = /^(?:manylinux(?:1|2010|2014|_\d+_\d+)|linux)_(.+)$/
const MUSL = /^musllinux_\d+_\d+_(.+)$/
const MAC = /^macosx_\d+_\d+_(.+)$/
const MAC_MACHINES = ['arm64', 'x86_64', 'i386', 'ppc', 'ppc64']

/** Versions of systems aside: which of two an installer prefers depends on them, and whether it can take one at all. */
function familyOf(platform: string): readonly string[] {
  const musl = MUSL.exec(platform)?.[1]
  if (musl !== undefined) return [`musl ${musl}`]
  const linux = LINUX.exec(platform)?.[1]
  // What says no C library is taken with either.
  if (linux !== undefined)
    return platform.startsWith('linux') ? [`glibc ${linux}`, `musl ${linux}`] : [`glibc ${linux}`]
  const mac = MAC.exec(platform)?.[1]
  if (mac !== undefined) return MAC_MACHINES.includes(mac) ? [`mac ${mac}`] : MAC_MACHINES.map((one) => `mac ${one}`)
  return [platform.replaceAll(/_\d+(?=_)/g, '')]
}

const overlap = (a: Machines, b: Machines): boolean =>
  [...a.platforms].some((platform) => b.platforms.has(platform)) &&
  a.interpreters.some((one) => b.interpreters.some((other) => areOne(one, other)))

const areOne = (a: Interpreter, b: Interpreter): boolean =>
  isSame(a.implementation, b.implementation, '*') &&
  isSame(a.major, b.major, -1) &&
  a.from <= b.to &&
  b.from <= a.to &&
  isSame(a.abi, b.abi, null)

const isSame = <T>(a: T, b: T, any: T): boolean => a === b || a === any || b === any
