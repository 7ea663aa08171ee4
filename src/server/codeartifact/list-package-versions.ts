import { listPackageVersions } from '../../api/codeartifact/packages.ts'
import { RegistryError } from '../../registry/errors.ts'
import type { PackageVersion, Tag } from '../../registry/model.ts'
import { handler } from '../handler.ts'
import { decodePageToken, encodePageToken } from './pages.ts'
import { readHeldPackage } from './read-package.ts'

/** CodeArtifact's default for this one listing. */
const DEFAULT_PAGE = 50

export const listPackageVersionsHandler = handler(
  listPackageVersions,
  async (input, { parts, target: { repository, name } }) => {
    await readHeldPackage(parts.store, repository, name)
    const at = [repository.domain, [repository.name], name.format, name.key] as const
    const [held, tags] = await Promise.all([parts.store.listVersions(...at), parts.store.listTags(...at)])
    const newestFirst = held.toSorted((a, b) => b.publishedAt - a.publishedAt || (a.version < b.version ? 1 : -1))
    const wanted = (input.sortBy === undefined ? held : newestFirst).filter(
      ({ status, origin }) =>
        (input.status === undefined || status === input.status) &&
        (input.originType === undefined || origin === input.originType),
    )
    const start = input.nextToken === undefined ? 0 : positionAfter(wanted, decodePageToken(input.nextToken))
    const page = wanted.slice(start, start + (input.maxResults ?? DEFAULT_PAGE))
    const last = page.at(-1)
    const displayed = defaultVersion(newestFirst, tags)
    return {
      ...(displayed !== undefined && { defaultDisplayVersion: displayed }),
      format: name.format,
      ...(name.namespace !== null && { namespace: name.namespace }),
      package: name.name,
      versions: page.map(summarize),
      ...(last && start + page.length < wanted.length && { nextToken: encodePageToken(last.version) }),
    }
  },
)

const summarize = ({ version, revision, status, origin, entryPoint }: PackageVersion) => ({
  version,
  revision,
  status,
  origin: {
    domainEntryPoint: origin === 'INTERNAL' ? { repositoryName: entryPoint } : { externalConnectionName: entryPoint },
    originType: origin,
  },
})

function positionAfter(versions: readonly PackageVersion[], version: string): number {
  const index = versions.findIndex((candidate) => candidate.version === version)
  if (index < 0) throw new RegistryError('invalid', 'The version at which the page before ended is gone: begin anew')
  return index + 1
}

/** What the tag `latest` names where there is one, else what was published last: CodeArtifact's rule. */
function defaultVersion(newestFirst: readonly PackageVersion[], tags: readonly Tag[]): string | undefined {
  const published = newestFirst.filter(({ status }) => status === 'Published')
  const latest = tags.find(({ tag }) => tag === 'latest')?.version
  return published.find(({ version }) => version === latest)?.version ?? published[0]?.version
}
