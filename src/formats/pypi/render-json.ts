import type { ListedFile, Listing } from './listing.ts'
import { encodePath, provenancePath } from './path.ts'

/** PEP 691's form. The order of keys is the public index's. */
export function renderJson(listing: Listing, endpoint: string): string {
  return JSON.stringify({
    meta: {
      ...(listing.serial !== null && { '_last-serial': listing.serial }),
      'api-version': apiVersion(listing.files),
    },
    name: listing.name,
    files: listing.files.map((file) => renderFile(listing.name, file, endpoint)),
    versions: listing.versions,
    ...(listing.status && { 'project-status': renderStatus(listing.status) }),
    ...listing.more,
  })
}

/** PEP 700 makes `size` mandatory from 1.1 on: a page that lacks one says 1.0, and clients read its other keys all the same. */
const apiVersion = (files: readonly ListedFile[]): string => (files.every((file) => file.size !== null) ? '1.4' : '1.0')

const renderStatus = ({ status, reason }: NonNullable<Listing['status']>) => ({
  status,
  ...(reason !== null && { reason }),
})

function renderFile(project: string, file: ListedFile, endpoint: string): unknown {
  const coreMetadata = file.coreMetadata ?? false
  const provenance = provenancePath(project, file)
  return {
    // PEP 714, and the key that the public index once mistook for it. Never `dist-info-metadata`: pip 22.3 to 23.1.0 crash on it.
    'core-metadata': coreMetadata,
    'data-dist-info-metadata': coreMetadata,
    filename: file.filename,
    hashes: file.hashes,
    ...(provenance !== null && { provenance: endpoint + encodePath(provenance) }),
    ...(file.requiresPython !== null && { 'requires-python': file.requiresPython }),
    ...(file.size !== null && { size: file.size }),
    ...(file.uploadTime !== null && { 'upload-time': file.uploadTime }),
    url: endpoint + encodePath(file.path),
    yanked: file.yanked,
    ...file.more,
  }
}
