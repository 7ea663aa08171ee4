import { RegistryError } from '../../registry/errors.ts'
import type { PackageName } from '../../registry/names.ts'
import { isPlainFileName } from './filename.ts'
import { findName } from './name.ts'
import {
  coreMetadataOf,
  readHashes,
  readMore,
  readProvenance,
  readSize,
  readUploadTime,
  readUrl,
  type CoreMetadata,
  type PageFile,
  type ProjectPage,
  type ProjectStatus,
} from './page.ts'

// PEP 691's form of a project page, with the keys that PEPs 700, 714, 740 and 792 added.

/** What is read here, and what is dropped on purpose: PEP 708 was rejected, and PEP 752's keys are for indexes that grant namespaces. */
const PAGE_KEYS = new Set(
  'meta name files versions project-status alternate-locations tracks namespace namespaces'.split(' '),
)
/** Signatures beside files (`gpg-sig`) are not served, so none are promised. */
const FILE_KEYS = new Set(
  'filename url hashes requires-python size upload-time yanked provenance gpg-sig core-metadata data-dist-info-metadata dist-info-metadata'.split(
    ' ',
  ),
)

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** `url` is where the page was found, for the relative URLs in it. Throws `upstream_down` for what is no page of the project. */
export function readJson(text: string, url: string, name: PackageName): ProjectPage {
  const page = parse(text)
  if (!isFields(page) || !Array.isArray(page['files'])) throw notAPage('it has no list of files')
  const meta = isFields(page['meta']) ? page['meta'] : {}
  const version = textOf(meta['api-version']) ?? '1.0'
  if (!version.startsWith('1.')) throw notAPage(`it has version ${version.slice(0, 20)} of the simple API`)
  const said = page['name']
  if (said !== undefined && (typeof said !== 'string' || findName(said)?.key !== name.key)) {
    throw notAPage(`it is about ${JSON.stringify(said)?.slice(0, 80)} instead of ${name.name}`)
  }
  return {
    files: listOf(page['files']).flatMap((file) => (isFields(file) ? readFile(file, url) : [])),
    versions: listOf(page['versions']).filter(
      (each): each is string => typeof each === 'string' && isPlainFileName(each),
    ),
    // The standard's own example has it in `meta`.
    status: readStatus(page['project-status'] ?? meta['project-status']),
    serial: readSize(meta['_last-serial']),
    ...readMore(page, PAGE_KEYS),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notAPage('it is no JSON', error)
  }
}

const notAPage = (why: string, cause?: unknown): RegistryError =>
  new RegistryError('upstream_down', `The upstream index answered with something that is no project page: ${why}`, {
    cause,
  })

function readFile(file: Fields, base: string): readonly PageFile[] {
  const filename = file['filename']
  const url = typeof file['url'] === 'string' ? readUrl(file['url'], base) : undefined
  if (typeof filename !== 'string' || !isPlainFileName(filename) || !url) return []
  const yanked = file['yanked']
  return [
    {
      filename,
      url: url.href,
      hashes: isFields(file['hashes']) ? readHashes(Object.entries(file['hashes'])) : {},
      requiresPython: textOf(file['requires-python']),
      size: readSize(file['size']),
      uploadTime: readUploadTime(file['upload-time']),
      yanked: typeof yanked === 'string' && yanked !== '' ? yanked : yanked === true,
      coreMetadata: coreMetadataOf(filename, readCoreMetadata(file)),
      provenance: readProvenance(file['provenance'], base),
      ...readMore(file, FILE_KEYS),
    },
  ]
}

/** PEP 714: the new key, then the public index's wrong one, then the first one of PEP 658. */
function readCoreMetadata(file: Fields): CoreMetadata {
  const said = file['core-metadata'] ?? file['data-dist-info-metadata'] ?? file['dist-info-metadata']
  if (said === true) return true
  if (!isFields(said)) return null
  const { sha256 } = readHashes(Object.entries(said))
  return sha256 === undefined ? true : { sha256 }
}

export function readStatus(said: unknown): ProjectStatus | null {
  if (!isFields(said) || typeof said['status'] !== 'string' || !/^[a-z-]{1,40}$/.test(said['status'])) return null
  return { status: said['status'], reason: textOf(said['reason']) }
}
