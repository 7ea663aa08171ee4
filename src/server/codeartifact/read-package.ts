import { RegistryError } from '../../registry/errors.ts'
import type { Package, Repository } from '../../registry/model.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import type { PackageReads } from '../../registry/ports.ts'

/** The package as this repository holds it, whatever its upstreams have. */
export async function readHeldPackage(
  store: Pick<PackageReads, 'findPackages'>,
  { domain, name: repository }: Repository,
  name: PackageName,
): Promise<Package> {
  const held = await store.findPackages(domain, name.format, name.key)
  const here = held.find((candidate) => candidate.repository === repository)
  if (here) return here
  throw new RegistryError('not_found', `Package ${displayName(name)} does not exist in repository ${repository}`, {
    resourceType: 'package',
    resourceId: displayName(name),
  })
}
