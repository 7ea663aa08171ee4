import type { PackageName } from '../../registry/names.ts'
import type { StoredMetadata } from './core-metadata.ts'
import { findName } from './name.ts'
import { readLegacyJson, type Members } from './upstream-documents.ts'

/** The JSON API's `info`: what a project says of one version. */
export type Info = Members

/** Every member that the public index has, so that what clients reach into is there. */
const NOTHING: Info = {
  author: null,
  author_email: null,
  bugtrack_url: null,
  classifiers: [],
  description: null,
  description_content_type: null,
  docs_url: null,
  download_url: null,
  downloads: { last_day: -1, last_month: -1, last_week: -1 },
  dynamic: null,
  home_page: null,
  keywords: null,
  license: null,
  license_expression: null,
  license_files: null,
  maintainer: null,
  maintainer_email: null,
  platform: null,
  project_urls: null,
  provides_extra: null,
  requires_dist: null,
  summary: null,
}

/** Of an upload: `metadata` is what its version is kept with, null for none. */
export function infoOfMetadata(metadata: string | null): Info {
  if (metadata === null) return NOTHING
  const kept = JSON.parse(metadata) as StoredMetadata
  return {
    ...NOTHING,
    ...(kept.name !== null && { name: kept.name }),
    author: kept.author,
    author_email: kept.authorEmail,
    classifiers: kept.classifiers,
    home_page: kept.homePage,
    keywords: kept.keywords,
    license: kept.license,
    maintainer: kept.maintainer,
    maintainer_email: kept.maintainerEmail,
    project_urls: kept.projectUrls.length === 0 ? null : Object.fromEntries(kept.projectUrls.map(labelled)),
    provides_extra: kept.providesExtra.length === 0 ? null : kept.providesExtra,
    requires_dist: kept.requiresDist.length === 0 ? null : kept.requiresDist,
    summary: kept.summary,
  }
}

/** Core metadata: `Label, https://…`. */
function labelled(text: string): readonly [label: string, url: string] {
  const comma = text.indexOf(',')
  return comma < 0 ? ['', text.trim()] : [text.slice(0, comma).trim(), text.slice(comma + 1).trim()]
}

/** Of an upstream's document: the members that are known, and the name if it is another spelling of this one. */
export function infoOfDocument(bytes: Uint8Array, name: PackageName): Info {
  const info = readLegacyJson(bytes)
  const said = info['name']
  return {
    ...Object.fromEntries(Object.entries(NOTHING).map(([member, nothing]) => [member, info[member] ?? nothing])),
    ...(typeof said === 'string' && findName(said)?.key === name.key && { name: said }),
  }
}
