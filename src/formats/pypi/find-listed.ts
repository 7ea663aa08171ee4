import { displayName, type PackageName } from '../../registry/names.ts'
import type { ListedFile, Listing, Refused } from './listing.ts'
import { versionKey } from './version.ts'

// One version or file of a listing. What a rule holds back is refused with its reasons, as its files are by their addresses.

export function findVersion(listing: Listing, name: PackageName, version: string): string | Refused {
  const key = versionKey(version)
  return listing.versions.find((listed) => versionKey(listed) === key) ?? refused(listing, name, version, version)
}

export function findFile(
  listing: Listing,
  name: PackageName,
  { version, file }: { readonly version: string; readonly file: string },
): ListedFile | Refused {
  const key = versionKey(version)
  return (
    listing.files.find((listed) => listed.filename === file && versionKey(listed.version) === key) ??
    refused(listing, name, version, file)
  )
}

function refused({ held }: Listing, name: PackageName, version: string, what: string): Refused {
  const key = versionKey(version)
  const [spelled, reasons] = held.entries().find(([each]) => versionKey(each) === key) ?? []
  return reasons
    ? {
        kind: 'refused',
        code: 'held',
        message: `${displayName(name)} ${spelled} is held back: ${[...reasons].join('; ')}`,
      }
    : { kind: 'refused', code: 'not_found', message: `${what} of ${displayName(name)} was not found` }
}

export const isRefused = (found: string | ListedFile | Refused): found is Refused =>
  typeof found !== 'string' && 'kind' in found
