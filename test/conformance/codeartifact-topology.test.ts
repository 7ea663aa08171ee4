import { describe, expect, it } from 'vitest'
import { awsCodeArtifact } from '../support/aws-codeartifact.ts'
import { clientHome } from '../support/clients/home.ts'
import { startManagement } from '../support/management-server.ts'

// Domains, repositories and their connections, as the official AWS CLI sees them.

const ARN = 'arn:aws:codeartifact:us-east-1:000000000000'

describe('aws codeartifact', () => {
  it('makes, describes, lists and deletes a domain', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const aws = (...args: string[]) => run(home, server.key, ...args)

    const team = {
      name: 'team',
      owner: '000000000000',
      arn: `${ARN}:domain/team`,
      status: 'Active',
      createdTime: expect.stringMatching(/^20\d\d-/),
    }
    expect(await aws('create-domain', '--domain', 'team')).toEqual({ ok: { domain: { ...team, repositoryCount: 0 } } })
    expect(await aws('describe-domain', '--domain', 'team')).toEqual({
      ok: { domain: { ...team, repositoryCount: 0 } },
    })
    expect(await aws('list-domains')).toMatchObject({ ok: { domains: [{ name: 'local' }, team] } })
    const firstPage = await aws('list-domains', '--page-size', '1', '--max-items', '1')
    expect(firstPage).toMatchObject({ ok: { domains: [{ name: 'local' }], NextToken: expect.any(String) } })
    expect(await aws('list-domains', '--page-size', '1')).toMatchObject({ ok: { domains: [{ name: 'local' }, team] } })
    expect(await aws('delete-domain', '--domain', 'team')).toMatchObject({
      ok: { domain: { name: 'team', status: 'Deleted' } },
    })
    expect(await aws('describe-domain', '--domain', 'team')).toEqual({
      refused: { code: 'ResourceNotFoundException', message: expect.stringContaining('team') },
    })
  })

  it('makes, describes, changes, lists and deletes a repository', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const aws = (...args: string[]) => run(home, server.key, ...args)
    const of = (repository: string) => ['--domain', 'local', '--repository', repository]

    const created = await aws(
      'create-repository',
      ...of('app'),
      '--description',
      'Für die Anwendung',
      '--upstreams',
      'repositoryName=npm-store',
      'repositoryName=main',
    )
    const app = {
      name: 'app',
      administratorAccount: '000000000000',
      domainName: 'local',
      domainOwner: '000000000000',
      arn: `${ARN}:repository/local/app`,
      description: 'Für die Anwendung',
      createdTime: expect.stringMatching(/^20\d\d-/),
    }
    const upstreams = [{ repositoryName: 'npm-store' }, { repositoryName: 'main' }]
    expect(created).toEqual({ ok: { repository: { ...app, upstreams, externalConnections: [] } } })
    expect(await aws('describe-repository', ...of('app'))).toEqual(created)

    const updated = await aws('update-repository', ...of('app'), '--upstreams', 'repositoryName=main')
    expect(updated).toMatchObject({ ok: { repository: { ...app, upstreams: [{ repositoryName: 'main' }] } } })
    expect(await aws('list-repositories', '--repository-prefix', 'ap')).toEqual({ ok: { repositories: [app] } })
    const inDomain = await aws('list-repositories-in-domain', '--domain', 'local', '--page-size', '2')
    expect(inDomain).toMatchObject({
      ok: { repositories: ['app', 'main', 'npm-store', 'pypi-store'].map((name) => ({ name })) },
    })

    expect(await aws('delete-repository', ...of('main'))).toEqual({
      refused: { code: 'ConflictException', message: 'Repository main is an upstream of app' },
    })
    expect(await aws('delete-repository', ...of('app'))).toMatchObject({ ok: { repository: app } })
    expect(await aws('describe-repository', ...of('app'))).toMatchObject({
      refused: { code: 'ResourceNotFoundException' },
    })
  })

  it('associates external connections and takes them away', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const aws = (action: string, connection: string) =>
      run(home, server.key, action, '--domain', 'local', '--repository', 'main', '--external-connection', connection)

    const npmjs = { externalConnectionName: 'public:npmjs', packageFormat: 'npm', status: 'Available' }
    const pypi = { externalConnectionName: 'public:pypi', packageFormat: 'pypi', status: 'Available' }
    expect(await aws('associate-external-connection', 'public:npmjs')).toMatchObject({
      ok: { repository: { externalConnections: [npmjs] } },
    })
    expect(await aws('associate-external-connection', 'public:pypi')).toMatchObject({
      ok: { repository: { externalConnections: [npmjs, pypi] } },
    })
    expect(await aws('associate-external-connection', 'public:pypi')).toMatchObject({
      refused: { code: 'ConflictException' },
    })
    expect(await aws('associate-external-connection', 'public:maven-central')).toMatchObject({
      refused: { code: 'ResourceNotFoundException' },
    })
    expect(await aws('disassociate-external-connection', 'public:npmjs')).toMatchObject({
      ok: { repository: { externalConnections: [pypi] } },
    })
    expect(await aws('disassociate-external-connection', 'public:npmjs')).toMatchObject({
      refused: { code: 'ResourceNotFoundException' },
    })
  })

  it('says why it refuses', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const refusals: readonly (readonly [args: readonly string[], code: string, message: string | RegExp])[] = [
      [['create-domain', '--domain', 'local'], 'ConflictException', /local/],
      [['create-domain', '--domain', 'Not_A_Domain'], 'ValidationException', /^domain: must be a domain name/],
      [
        ['create-domain', '--domain', 'tagged', '--tags', 'key=a,value=b'],
        'ValidationException',
        /tags are not supported/,
      ],
      [
        ['create-domain', '--domain', 'sealed', '--encryption-key', 'arn:aws:kms:x'],
        'ValidationException',
        /encryption keys are not supported/,
      ],
      [['delete-domain', '--domain', 'local'], 'ConflictException', /still has 3 repositories/],
      [['create-repository', '--domain', 'local', '--repository', 'main'], 'ConflictException', /main/],
      [['create-repository', '--domain', 'none', '--repository', 'main'], 'ResourceNotFoundException', /none/],
      [
        ['describe-domain', '--domain', 'local', '--domain-owner', '111122223333'],
        'AccessDeniedException',
        /not authorized to perform codeartifact:DescribeDomain/,
      ],
      [
        ['create-repository', '--domain', 'local', '--repository', 'loop', '--upstreams', 'repositoryName=loop'],
        'ValidationException',
        /cycle: loop -> loop/,
      ],
      [
        ['update-repository', '--domain', 'local', '--repository', 'npm-store', '--upstreams', 'repositoryName=main'],
        'ValidationException',
        /cycle: npm-store -> main -> npm-store/,
      ],
      [
        ['create-repository', '--domain', 'local', '--repository', 'app', '--upstreams', 'repositoryName=absent'],
        'ResourceNotFoundException',
        /absent/,
      ],
      [
        ['list-repositories-in-domain', '--domain', 'local', '--next-token', 'made-up'],
        'ValidationException',
        /was not made here/,
      ],
    ]
    for (const [args, code, message] of refusals) {
      const result = await run(home, server.key, ...args)
      expect(result, args.join(' ')).toEqual({ refused: { code, message: expect.stringMatching(message) } })
    }
  })
})
