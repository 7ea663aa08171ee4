import type { Ecosystem } from '../../registry/ecosystem.ts'
import { checkDocument } from './upstream-documents.ts'
import { extraWheels } from './platform-wheels.ts'
import { compareVersions, versionKey } from './version.ts'
import { sideCars } from './wheel-metadata.ts'

export const ecosystem = {
  format: 'pypi',
  // A normalised name needs no encoding.
  indexPath: (name) => `${name.key}/`,
  // As pip sends it, so that an index that looks at it answers as it answers pip.
  indexAccept: 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01',
  compareVersions,
  versionKey,
  sideCars,
  merging: { versionKey, extrasBeside: extraWheels },
  // The same for all: a type that names an archive's compression invites clients to undo it.
  fileType: (file) => (file.endsWith('.metadata') ? 'text/plain; charset=utf-8' : 'application/octet-stream'),
  checkDocument,
} as const satisfies Ecosystem
