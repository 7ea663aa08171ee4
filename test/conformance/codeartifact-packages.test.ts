import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Change } from '../../src/registry/changes.ts'
import type { PackageVersion } from '../../src/registry/model.ts'
import { parseDomainName, parseRepositoryName, type FormatId, type PackageKey } from '../../src/registry/names.ts'
import { AFTER_INGEST, AFTER_PUBLISH } from '../../src/registry/origin.ts'
import { awsCodeArtifact } from '../support/aws-codeartifact.ts'
import { clientHome } from '../support/clients/home.ts'
import { startManagement, type ManagementServer } from '../support/management-server.ts'

// Packages and their versions, as the official AWS CLI sees them.

const IN_MAIN = ['--domain', 'local', '--repository', 'main']
const PUBLISHED_AT = Date.parse('2026-01-01T00:00:00Z')

async function hold(
  server: ManagementServer,
  format: FormatId,
  key: string,
  versions: readonly string[],
  origin: PackageVersion['origin'] = 'INTERNAL',
): Promise<void> {
  const at = {
    domain: parseDomainName('local'),
    repository: parseRepositoryName('main'),
    format,
    key: key as PackageKey,
  }
  const changes = versions.map((version, days): Change => ({
    change: 'create-version',
    version: {
      ...at,
      version,
      status: 'Published',
      revision: randomUUID(),
      origin,
      entryPoint: origin === 'INTERNAL' ? 'main' : 'public:npmjs',
      createdAt: PUBLISHED_AT,
      publishedAt: PUBLISHED_AT + days * 86_400_000,
      license: null,
      metadata: null,
    },
  }))
  const controls = origin === 'INTERNAL' ? AFTER_PUBLISH : AFTER_INGEST
  await server.store.commit([{ change: 'ensure-package', at, origin: controls }, ...changes])
}

describe('aws codeartifact', () => {
  it('lists packages by format, namespace, prefix and origin, page by page', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    await hold(server, 'npm', 'acme/hello', ['1.0.0'])
    await hold(server, 'npm', 'acme-labs/other', ['1.0.0'])
    await hold(server, 'npm', 'hello', ['1.0.0'], 'EXTERNAL')
    await hold(server, 'pypi', 'my-hello', ['1.0'])
    const list = async (...args: string[]) => {
      const answer = await run(home, server.key, 'list-packages', ...IN_MAIN, ...args)
      if (!('ok' in answer)) return answer.refused.code
      const packages = answer.ok['packages'] as { format: string; namespace?: string; package: string }[]
      return packages.map(({ format, namespace, package: name }) => [format, namespace, name].filter(Boolean).join(' '))
    }
    const all = ['npm acme-labs other', 'npm acme hello', 'npm hello', 'pypi my-hello']
    expect(await list()).toEqual(all)
    expect(await list('--page-size', '1')).toEqual(all)
    expect(await list('--format', 'npm', '--namespace', 'acme')).toEqual(all.slice(0, 2))
    expect(await list('--namespace', 'acme')).toBe('ValidationException')
    expect(await list('--package-prefix', 'he', '--page-size', '1')).toEqual(['npm acme hello', 'npm hello'])
    expect(await list('--package-prefix', 'My_')).toEqual(['pypi my-hello'])
    expect(await list('--publish', 'BLOCK')).toEqual(['npm hello'])
    expect(await list('--upstream', 'BLOCK', '--format', 'pypi')).toEqual(['pypi my-hello'])
  })

  it('lists versions newest first, by status and origin, and tells which one is shown', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    await hold(server, 'npm', 'acme/hello', ['1.0.0', '1.1.0', '2.0.0-rc.1'])
    const at = { domain: 'local', repository: 'main', format: 'npm', key: 'acme/hello' } as never
    await server.store.commit([{ change: 'put-tag', at, tag: 'latest', version: '1.1.0' }])
    const of = ['--format', 'npm', '--namespace', 'acme', '--package', 'hello']
    const list = (...args: string[]) => run(home, server.key, 'list-package-versions', ...IN_MAIN, ...of, ...args)

    expect(await list('--sort-by', 'PUBLISHED_TIME', '--page-size', '2')).toEqual({
      ok: {
        defaultDisplayVersion: '1.1.0',
        format: 'npm',
        namespace: 'acme',
        package: 'hello',
        versions: ['2.0.0-rc.1', '1.1.0', '1.0.0'].map((version) => ({
          version,
          revision: expect.any(String),
          status: 'Published',
          origin: { domainEntryPoint: { repositoryName: 'main' }, originType: 'INTERNAL' },
        })),
      },
    })
    expect(await list('--status', 'Archived')).toMatchObject({ ok: { versions: [] } })
    expect(await list('--origin-type', 'EXTERNAL')).toMatchObject({ ok: { versions: [] } })
    const absent = ['--format', 'npm', '--package', 'absent']
    expect(await run(home, server.key, 'list-package-versions', ...IN_MAIN, ...absent)).toMatchObject({
      refused: { code: 'ResourceNotFoundException' },
    })
  })

  it('describes a package and decides where it may come from, also before it exists', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const of = [...IN_MAIN, '--format', 'pypi', '--package', 'My.Hello']
    expect(await run(home, server.key, 'describe-package', ...of)).toMatchObject({
      refused: { code: 'ResourceNotFoundException' },
    })
    const restrictions = { publish: 'ALLOW', upstream: 'ALLOW' }
    const put = ['put-package-origin-configuration', ...of, '--restrictions', 'publish=ALLOW,upstream=ALLOW']
    expect(await run(home, server.key, ...put)).toEqual({ ok: { originConfiguration: { restrictions } } })
    expect(await run(home, server.key, 'describe-package', ...of)).toEqual({
      ok: { package: { format: 'pypi', name: 'my-hello', originConfiguration: { restrictions } } },
    })
  })
})
