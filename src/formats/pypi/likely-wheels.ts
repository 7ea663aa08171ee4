import { parseWheelName } from './filename.ts'
import type { PageFile } from './page.ts'
import { compareVersions, parseVersion } from './version.ts'

// Which wheels a resolver will look into first, of those whose index offers no `.metadata`.

const MOST_VERSIONS = 30
const MOST_OF_A_VERSION = 12

/** Files of the newest versions, those in front that most machines would choose. `versionOf`: a file's. */
export function likelyWheels(files: readonly PageFile[], versionOf: (file: PageFile) => string): readonly string[] {
  const wheels = files.filter((file) => file.yanked === false && parseWheelName(file.filename))
  if (wheels.every(({ coreMetadata }) => coreMetadata !== null)) return []
  const ofVersions = Map.groupBy(wheels, versionOf)
  const newest = [...ofVersions.keys()].toSorted(newestFirst).slice(0, MOST_VERSIONS)
  return newest.flatMap((version) =>
    (ofVersions.get(version) ?? [])
      .filter(({ coreMetadata }) => coreMetadata === null)
      .map(({ filename }) => filename)
      .toSorted((a, b) => rarity(a) - rarity(b) || (a < b ? -1 : 1))
      .slice(0, MOST_OF_A_VERSION),
  )
}

/** Nobody is given a pre-release who did not ask for one. */
function newestFirst(a: string, b: string): number {
  return Number(isPreRelease(a)) - Number(isPreRelease(b)) || compareVersions(b, a)
}

function isPreRelease(version: string): boolean {
  const parsed = parseVersion(version)
  return !parsed || parsed.pre !== null || parsed.dev !== null
}

const PLATFORMS = [/-any\.whl$/, /-manylinux\w*x86_64/, /-macosx\w*arm64/, /-manylinux\w*aarch64/, /-win_amd64/]
const NEWEST_PYTHON = 40

/** The less, the more machines take it: by platform, and of one platform the newest Python first. */
function rarity(file: string): number {
  const platform = PLATFORMS.findIndex((pattern) => pattern.test(file))
  const python = Number(/-cp3(\d+)-/.exec(file)?.[1] ?? NEWEST_PYTHON)
  return (platform < 0 ? PLATFORMS.length : platform) * 100 + (NEWEST_PYTHON - Math.min(python, NEWEST_PYTHON))
}
