import { randomUUID } from 'node:crypto'
import { RegistryError } from './errors.ts'
import { actorOf, packageVersionEvent } from './events.ts'
import type { PackageVersion } from './model.ts'
import { displayName, type PackageName } from './names.ts'
import type { Clock, MetadataStore } from './ports.ts'
import type { Scope } from './scope.ts'

type TagParts = { readonly store: MetadataStore; readonly clock: Clock }

/** Points a tag at a version that this repository holds and that was published here: tags of a proxied package are its upstream's. */
export async function putTag(
  parts: TagParts,
  scope: Scope,
  name: PackageName,
  tag: string,
  version: string,
): Promise<void> {
  const target = await readHosted(parts, scope, name, version)
  if (target.status !== 'Published') throw missing(scope, name, version)
  const at = { domain: scope.domain.name, repository: scope.repository.name, format: name.format, key: name.key }
  await parts.store.commit([{ change: 'put-tag', at, tag, version }, announceTag(parts, scope, target)])
}

export async function deleteTag(parts: TagParts, scope: Scope, name: PackageName, tag: string): Promise<void> {
  const at = { domain: scope.domain.name, repository: scope.repository.name, format: name.format, key: name.key }
  const tags = await parts.store.listTags(at.domain, [at.repository], at.format, at.key)
  const existing = tags.find((candidate) => candidate.tag === tag)
  if (!existing) throw new RegistryError('not_found', `${displayName(name)} has no tag ${tag} in ${at.repository}`)
  const target = await readHosted(parts, scope, name, existing.version)
  await parts.store.commit([{ change: 'delete-tag', at, tag }, announceTag(parts, scope, target)])
}

async function readHosted(
  { store }: TagParts,
  scope: Scope,
  name: PackageName,
  version: string,
): Promise<PackageVersion> {
  const versions = await store.listVersions(scope.domain.name, [scope.repository.name], name.format, name.key)
  const found = versions.find((candidate) => candidate.version === version)
  if (!found) throw missing(scope, name, version)
  if (found.origin === 'EXTERNAL') {
    throw new RegistryError('forbidden', `${displayName(name)} comes from upstream, and so do its tags`)
  }
  return found
}

const missing = (scope: Scope, name: PackageName, version: string): RegistryError =>
  new RegistryError('not_found', `${displayName(name)} ${version} was not found in ${scope.repository.name}`)

const announceTag = ({ clock }: TagParts, scope: Scope, version: PackageVersion) =>
  ({
    change: 'announce',
    event: packageVersionEvent(version, {
      id: randomUUID(),
      time: clock.now(),
      actor: actorOf(scope.caller),
      domainOwner: scope.domain.owner,
      administrator: scope.repository.administrator,
      operation: 'Updated',
      assets: { assetsAdded: 0 },
      metadataUpdated: true,
      statusChanged: false,
    }),
  }) as const
