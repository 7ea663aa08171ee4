import type { PackageName } from '../../registry/names.ts'

// What indexes keep beside their pages, and where: the JSON API's documents, and attestations (PEP 740), whose place the pages tell.

/** Members of a JSON object. */
export type Members = Readonly<Record<string, unknown>>

/** Below the simple root, as the public index has it. Of one version: the document of all of them can have many megabytes. */
export const legacyJsonPath = (name: PackageName, version: string): string =>
  `../pypi/${name.name}/${encodeURIComponent(version)}/json`

const LEGACY_JSON = /^\.\.\/pypi\/[^/]+\/[^/]+\/json$/

/** Its `info`. Throws for what is no document of the JSON API. */
export function readLegacyJson(body: Uint8Array): Members {
  const { info } = parseMembers(body)
  if (!isMembers(info)) throw new Error('it says nothing of the project')
  return info
}

/** `Ecosystem.checkDocument`: neither an error page nor another document is kept. */
export function checkDocument(path: string, body: Uint8Array): void {
  if (LEGACY_JSON.test(path)) readLegacyJson(body)
  else if (!Array.isArray(parseMembers(body)['attestation_bundles'])) throw new Error('it has no attestations')
}

function parseMembers(body: Uint8Array): Members {
  const document: unknown = JSON.parse(new TextDecoder().decode(body))
  if (!isMembers(document)) throw new Error('it is not a JSON object')
  return document
}

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
