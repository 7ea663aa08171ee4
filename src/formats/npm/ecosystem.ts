import semver from 'semver'
import type { Ecosystem } from '../../registry/ecosystem.ts'
import { displayName } from '../../registry/names.ts'
import { readManifest } from './packument.ts'
import { checkDocument } from './upstream-documents.ts'

export const ecosystem: Ecosystem = {
  format: 'npm',
  // A scoped name is one segment: `@acme%2fhello`, the spelling that every npm registry understands.
  indexPath: (name) => displayName(name).replace('/', '%2f'),
  // Full, not abbreviated: curation needs `time`, and the abbreviated form is derived from it.
  indexAccept: 'application/json',
  compareVersions,
  versionKey,
  single: {
    versionOf(name, file) {
      const start = `${name.name}-`
      const version = file.startsWith(start) && file.endsWith('.tgz') ? file.slice(start.length, -'.tgz'.length) : ''
      return semver.valid(version) === version ? version : undefined
    },
    path: (name, version) => `${displayName(name).replace('/', '%2f')}/${encodeURIComponent(version)}`,
    read: ({ body }, name, version) => readManifest(body, name, version),
  },
  checkDocument,
  fileType: () => 'application/octet-stream',
}

/** Semantic versioning's order; versions that are none come first, by their text. */
export function compareVersions(a: string, b: string): number {
  const left = semver.parse(a, { loose: true })
  const right = semver.parse(b, { loose: true })
  if (left && right) return left.compare(right) || left.compareBuild(right) || compareText(a, b)
  if (left || right) return left ? 1 : -1
  return compareText(a, b)
}

/** Without what semver's order ignores: build metadata, a `v`, a missing hyphen. A range that one spelling fits, the others fit too. */
export function versionKey(version: string): string {
  return semver.parse(version, { loose: true })?.version ?? version
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
