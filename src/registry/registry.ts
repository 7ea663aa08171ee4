import {
  askAboutPackages,
  readConnectionDocuments,
  readVersionDocument,
  type UpstreamAnswers,
  type UpstreamDocument,
  type VersionDocument,
} from './documents.ts'
import { rememberFound } from './found-assets.ts'
import { listNames } from './list-names.ts'
import { mergeReader, type MergeParts } from './merged-index.ts'
import type { FormatId, PackageKey, PackageName } from './names.ts'
import type { BlobStore, DigestAlgorithm, PendingBlob } from './blob-store.ts'
import { sideCarPreparation } from './prepare-side-cars.ts'
import { publish, type PublishRequest, type PublishResult } from './publish.ts'
import { rememberOffers } from './remembered-offers.ts'
import type { AssetSelection, OpenedAsset, PackageSources, ReadOptions } from './read.ts'
import { openAssetOf, readPackageOf, type MergedParts } from './read-merged.ts'
import { refreshPackage, type Refreshed } from './refresh.ts'
import type { Scope } from './scope.ts'
import { currentSerial, listSerials, type NameSerial } from './serials.ts'
import { deleteTag, putTag } from './tags.ts'

/** Asked before anything is written: may the scope's caller do `action` to this package? Throws `unauthenticated` or `forbidden`. */
export type RequirePackageAction = (
  scope: Scope,
  action: 'codeartifact:PublishPackageVersion' | 'codeartifact:PutPackageMetadata',
  name: PackageName,
) => Promise<void>

/**
 * What a package format may do with a registry. Reading rights are asked for at the door of the server, before a handler
 * runs; writes ask here once more, for the name that is really written.
 */
export type Registry = {
  readPackage(scope: Scope, name: PackageName, options: ReadOptions): Promise<PackageSources>
  openAsset(scope: Scope, name: PackageName, select: AssetSelection, options: ReadOptions): Promise<OpenedAsset>
  /** Names that the repository and its upstream repositories have something of, in pages: see list-names.ts. */
  listNames(scope: Scope, format: FormatId): AsyncIterable<readonly PackageKey[]>
  /** The same names, each with a number that has grown when something about it changed: see serials.ts. */
  listSerials(scope: Scope, format: FormatId): AsyncIterable<readonly NameSerial[]>
  /** What is answered now has all that happened up to this serial. */
  currentSerial(): number
  /** What is kept beside one version, here or upstream: see documents.ts, for the two below as well. */
  readVersionDocument(
    scope: Scope,
    name: PackageName,
    version: string,
    path: string,
    /** `file`: that it is about, where it is about one; sources that are merged may each have some of a version. */
    options: ReadOptions & { readonly file?: string },
  ): Promise<VersionDocument>
  readConnectionDocuments(
    scope: Scope,
    format: FormatId,
    path: string,
    options: ReadOptions,
  ): Promise<readonly UpstreamDocument[]>
  askAboutPackages(
    scope: Scope,
    format: FormatId,
    names: readonly PackageName[],
    question: { readonly path: string; about(names: readonly PackageName[]): Uint8Array },
    options: ReadOptions,
  ): Promise<UpstreamAnswers>
  /** Asks the package's upstream now. Whether the caller may is asked at the door. */
  refreshPackage(scope: Scope, name: PackageName, options: Pick<ReadOptions, 'deadline'>): Promise<Refreshed>
  /** Throws unless the caller may publish the name: a format calls it as soon as it knows the name, before it reads the bytes. */
  requirePublish(scope: Scope, name: PackageName): Promise<void>
  /** Where the bytes of a publish go until it is planned. */
  beginBlob(digests: readonly DigestAlgorithm[]): Promise<PendingBlob>
  publish(scope: Scope, request: PublishRequest): Promise<PublishResult>
  putTag(scope: Scope, name: PackageName, tag: string, version: string): Promise<void>
  deleteTag(scope: Scope, name: PackageName, tag: string): Promise<void>
}

export function createRegistry(
  given: Omit<MergedParts, 'findAsset' | 'offers' | 'sideCars' | 'merged'> & {
    readonly blobs: BlobStore
    readonly merge: MergeParts['merge']
    readonly require: RequirePackageAction
  },
): Registry {
  const sideCars = sideCarPreparation(given)
  const merged = mergeReader({ ...given, sideCars })
  const offers = rememberOffers(given)
  const parts = { ...given, findAsset: rememberFound(given.store), offers, sideCars, merged }
  return {
    readPackage: (scope, name, options) => readPackageOf(parts, scope, name, options),
    openAsset: (scope, name, select, options) => openAssetOf(parts, scope, name, select, options),
    listNames: (scope, format) => listNames(parts, scope, format),
    listSerials: (scope, format) => listSerials(parts, scope, format),
    currentSerial: () => currentSerial(parts),
    readVersionDocument: (...asked) => readVersionDocument(parts, ...asked),
    readConnectionDocuments: (...asked) => readConnectionDocuments(parts, ...asked),
    askAboutPackages: (...asked) => askAboutPackages(parts, ...asked),
    refreshPackage: (scope, name, options) => refreshPackage(parts, scope, name, options),
    requirePublish: (scope, name) => parts.require(scope, 'codeartifact:PublishPackageVersion', name),
    beginBlob: (digests) => parts.blobs.begin({ digests }),
    async publish(scope, request) {
      await parts.require(scope, 'codeartifact:PublishPackageVersion', request.name)
      return publish(parts, scope, request)
    },
    async putTag(scope, name, tag, version) {
      await parts.require(scope, 'codeartifact:PublishPackageVersion', name)
      await putTag(parts, scope, name, tag, version)
    },
    async deleteTag(scope, name, tag) {
      await parts.require(scope, 'codeartifact:PublishPackageVersion', name)
      await deleteTag(parts, scope, name, tag)
    },
  }
}
