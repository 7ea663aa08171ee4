import type { Steps } from '../../registry/file-parts.ts'
import type { Ecosystem } from '../../registry/ecosystem.ts'
import { parseCoreMetadata } from './core-metadata.ts'
import { parseWheelName, type WheelName } from './filename.ts'
import { findName } from './name.ts'
import { parseVersion, versionKey } from './version.ts'
import { unsound } from './zip-directory.ts'
import { readMember } from './zip-in-parts.ts'

// PEP 658: what stands at `<url>.metadata` is the METADATA of the wheel, byte by byte. Only wheels have it: no index offers that
// of a source distribution.

export const sideCars: NonNullable<Ecosystem['sideCars']> = {
  has: (file) => parseWheelName(file) !== undefined,
  extract: extractMetadata,
}

const METADATA = /^([^/]+)\.dist-info\/METADATA$/

function* extractMetadata(file: string, size: number): Steps<Uint8Array> {
  const wheel = parseWheelName(file)
  if (!wheel) throw unsound('its name is none of a wheel')
  const { name, bytes } = yield* readMember(size, (member) => METADATA.test(member))
  const folder = METADATA.exec(name)?.[1] ?? ''
  const dash = folder.lastIndexOf('-')
  if (!isOf(wheel, folder.slice(0, dash), folder.slice(dash + 1)))
    throw unsound(`its ${folder}.dist-info is another distribution's`)
  const fields = parseCoreMetadata(bytes)
  if (!isOf(wheel, fields.first('Name'), fields.first('Version')))
    throw unsound('its METADATA names another distribution')
  return bytes
}

/** In any spelling. */
function isOf(wheel: WheelName, name = '', version = ''): boolean {
  const own = findName(wheel.name)
  return own !== undefined && findName(name)?.key === own.key && keyOf(version) === keyOf(wheel.version)
}

/** In file names `-` is written `_`. */
const keyOf = (version: string): string => versionKey(parseVersion(version) ? version : version.replaceAll('_', '-'))
