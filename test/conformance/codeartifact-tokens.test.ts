import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { openClient } from '../../src/cli/client.ts'
import { awsCodeArtifact } from '../support/aws-codeartifact.ts'
import { clientHome } from '../support/clients/home.ts'
import { startManagement, type ManagementServer, type TestKey } from '../support/management-server.ts'

const ACCOUNT = '000000000000'

const as = (server: ManagementServer, key: TestKey) =>
  openClient({
    url: server.url,
    region: 'us-east-1',
    credentials: { kind: 'access-key', sessionToken: null, ...key },
  })

/** A user of the operators' account with one policy, and a key. */
async function userWith(server: ManagementServer, user: string, document: object): Promise<TestKey> {
  const operator = as(server, server.key)
  await operator.call(operations.createUser, { account: ACCOUNT, user })
  await operator.call(operations.attachUserPolicy, {
    account: ACCOUNT,
    user,
    policy: 'only',
    document: JSON.stringify({ Version: '2012-10-17', Statement: document }),
  })
  return operator.call(operations.createAccessKey, { account: ACCOUNT, user })
}

describe('aws codeartifact get-authorization-token', () => {
  it('gives a token that says who is calling, for one domain and a time', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const before = Date.now()
    const args = ['get-authorization-token', '--domain', 'local', '--duration-seconds', '900']
    const result = (await run(home, server.key, ...args)) as { ok: { authorizationToken: string; expiration: string } }

    expect(result.ok.authorizationToken).toMatch(/^[\w.-]+$/)
    const lifetime = Date.parse(result.ok.expiration) - before
    expect(lifetime).toBeGreaterThan(895_000)
    expect(lifetime).toBeLessThan(930_000)
    const { topology } = await server.store.readRevision({
      domain: 'local' as never,
      format: 'npm',
      key: 'x' as never,
      index: null,
    })
    const authorization = `Bearer ${result.ok.authorizationToken}`
    const caller = await server.authenticator.packageClient({ authorization, address: '127.0.0.1', topology })
    expect(caller).toMatchObject({ kind: 'user', arn: `arn:aws:iam::${ACCOUNT}:user/admin`, domain: 'local' })
  })

  it.each(['899', '43201', '-1'])('refuses to last %s seconds', async (seconds) => {
    await using server = await startManagement()
    const refused = as(server, server.key).call(operations.getAuthorizationToken, {
      domain: 'local',
      duration: Number(seconds),
    })
    await expect(refused).rejects.toThrow('duration: must be 0, or between 900 and 43200')
  })

  it('needs sts:GetServiceBearerToken too, whose conditions see the lifetime', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const token = { Effect: 'Allow', Action: 'codeartifact:GetAuthorizationToken', Resource: '*' }
    const bearer = {
      Effect: 'Allow',
      Action: 'sts:GetServiceBearerToken',
      Resource: '*',
      Condition: {
        StringEquals: { 'sts:AWSServiceName': 'codeartifact.amazonaws.com' },
        NumericLessThanEquals: { 'sts:DurationSeconds': '3600' },
      },
    }
    const without = await userWith(server, 'without', [token])
    const bounded = await userWith(server, 'bounded', [token, bearer])
    const ask = (key: TestKey, seconds: string) =>
      run(home, key, 'get-authorization-token', '--domain', 'local', '--duration-seconds', seconds)

    expect(await ask(without, '900')).toMatchObject({
      refused: { code: 'AccessDeniedException', message: expect.stringContaining('sts:GetServiceBearerToken') },
    })
    expect(await ask(bounded, '3600')).toMatchObject({ ok: { authorizationToken: expect.any(String) } })
    expect(await ask(bounded, '3601')).toMatchObject({ refused: { code: 'AccessDeniedException' } })
  })

  it('does not make tokens for who comes with a token, nor lets a token reach another domain', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    await operator.call(operations.createDomain, { domain: 'other' })
    const { authorizationToken } = await operator.call(operations.getAuthorizationToken, { domain: 'local' })
    const bearer = openClient({
      url: server.url,
      region: 'us-east-1',
      credentials: { kind: 'token', token: authorizationToken },
    })
    expect(await bearer.call(operations.whoAmI, {})).toMatchObject({ user: 'admin', domain: 'local' })
    expect(await bearer.call(operations.describeDomain, { domain: 'local' })).toMatchObject({
      domain: { name: 'local' },
    })
    await expect(bearer.call(operations.getAuthorizationToken, { domain: 'local' })).rejects.toThrow(
      'A token cannot make tokens',
    )
    await expect(bearer.call(operations.describeDomain, { domain: 'other' })).rejects.toThrow(
      'the token is for the domain local only',
    )
    await expect(bearer.call(operations.listUsers, { account: ACCOUNT })).rejects.toThrow('the token is for the domain')
  })
})

describe('aws codeartifact', () => {
  it('tells the endpoint of a repository', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const ask = (format: string, repository = 'main') =>
      run(
        home,
        server.key,
        'get-repository-endpoint',
        '--domain',
        'local',
        '--repository',
        repository,
        '--format',
        format,
      )
    expect(await ask('npm')).toEqual({ ok: { repositoryEndpoint: `${server.url}/npm/local/main/` } })
    expect(await ask('pypi')).toEqual({ ok: { repositoryEndpoint: `${server.url}/pypi/local/main/` } })
    expect(await ask('maven')).toMatchObject({ refused: { code: 'ValidationException' } })
    expect(await ask('npm', 'gone')).toMatchObject({ refused: { code: 'ResourceNotFoundException' } })
  })

  it.for([
    ['an unknown key', 'UnrecognizedClientException', { accessKeyId: 'AKIAUNKNOWNUNKNOWN12' }],
    ['a wrong secret', 'InvalidSignatureException', { secretAccessKey: 'x'.repeat(40) }],
  ] as const)('refuses %s as AWS does', async ([, code, wrong], context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    expect(await run(home, { ...server.key, ...wrong }, 'list-domains')).toMatchObject({ refused: { code } })
  })
})
