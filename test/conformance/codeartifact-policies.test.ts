import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import { awsCodeArtifact } from '../support/aws-codeartifact.ts'
import { clientHome } from '../support/clients/home.ts'
import { startManagement, type ManagementServer, type TestKey } from '../support/management-server.ts'

// Permissions policies of domains and repositories: as the official AWS CLI sees them, and what they let in.

const HOME = '000000000000'
const OTHER = '222233334444'
const ARN = `arn:aws:codeartifact:us-east-1:${HOME}`
const BOB = `arn:aws:iam::${OTHER}:user/bob`
const LOCAL = { domain: 'local', domainOwner: HOME } as const
const MAIN = { ...LOCAL, repository: 'main' } as const

const policy = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements })
const allow = (principal: string, ...actions: readonly string[]) =>
  policy({
    Sid: 'Guests',
    Effect: 'Allow',
    Principal: principal === '*' ? '*' : { AWS: principal },
    Action: actions.map((action) => `codeartifact:${action}`),
    Resource: '*',
  })
const grant = (...actions: readonly string[]) => policy({ Sid: 'Own', Effect: 'Allow', Action: actions, Resource: '*' })

const as = (server: ManagementServer, key: TestKey): Client =>
  openClient({ url: server.url, region: 'us-east-1', credentials: { kind: 'access-key', sessionToken: null, ...key } })

/** A user of another account, with a policy of its own account. */
async function addBob(server: ManagementServer, document: string) {
  const operator = as(server, server.key)
  await operator.call(operations.createAccount, { id: OTHER }).catch(() => undefined)
  const of = { account: OTHER, user: 'bob' }
  const { id } = await operator.call(operations.createUser, of)
  await operator.call(operations.attachUserPolicy, { ...of, policy: 'own', document })
  return { id, operator, bob: as(server, await operator.call(operations.createAccessKey, of)) }
}

const forbidden = expect.objectContaining({ exitCode: 3 })
const missing = expect.objectContaining({ exitCode: 4 })

describe.each([
  { what: 'domain', of: ['--domain', 'local'], arn: `${ARN}:domain/local` },
  { what: 'repository', of: ['--domain', 'local', '--repository', 'main'], arn: `${ARN}:repository/local/main` },
])('aws codeartifact …-$what-permissions-policy', ({ what, of, arn }) => {
  it('puts, shows, replaces and deletes it', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const aws = (verb: string, ...args: string[]) =>
      run(home, server.key, `${verb}-${what}-permissions-policy`, ...of, ...args)
    const refusedWith = (code: string) => ({ refused: { code, message: expect.stringContaining(of.at(-1) ?? '') } })

    expect(await aws('get')).toEqual(refusedWith('ResourceNotFoundException'))
    expect(await aws('delete')).toEqual(refusedWith('ResourceNotFoundException'))
    const first = allow(HOME, 'ReadFromRepository')
    expect(await aws('put', '--policy-document', first, '--policy-revision', 'r1')).toEqual(
      refusedWith('ConflictException'),
    )
    const put = await aws('put', '--policy-document', first)
    expect(put).toEqual({
      ok: { policy: { resourceArn: arn, revision: expect.stringMatching(/^\S{1,100}$/), document: first } },
    })
    expect(await aws('get')).toEqual(put)
    expect(await aws('put', '--policy-document', first), 'the same again').toEqual(put)

    const second = allow(HOME, 'DescribeDomain')
    const { revision } = (put as { ok: { policy: { revision: string } } }).ok.policy
    const replaced = await aws('put', '--policy-document', second, '--policy-revision', revision)
    expect(replaced).toMatchObject({ ok: { policy: { document: second } } })
    expect(replaced).not.toMatchObject({ ok: { policy: { revision } } })
    expect(await aws('put', '--policy-document', first, '--policy-revision', revision)).toEqual(
      refusedWith('ConflictException'),
    )
    expect(await aws('delete', '--policy-revision', revision)).toEqual(refusedWith('ConflictException'))
    expect(await aws('get')).toEqual(replaced)
    expect(await aws('delete')).toEqual(replaced)
    expect(await aws('get')).toEqual(refusedWith('ResourceNotFoundException'))
  })

  it('says of a document what is wrong and where', async (context) => {
    await using server = await startManagement()
    await using home = await clientHome()
    const run = await awsCodeArtifact(context, server)
    const document = `{
  "Version": "2012-10-17",
  "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "1111*" }, "Action": "codeartifact:Read", "Resource": "*" }]
}`
    const answer = await run(home, server.key, `put-${what}-permissions-policy`, ...of, '--policy-document', document)
    expect(answer).toEqual({
      refused: {
        code: 'ValidationException',
        message: expect.stringMatching(
          /Statement\/0\/Action \(line 3\): .*Statement\/0\/Principal\/AWS \(line 3\): .*a wildcard stands alone or not at all/,
        ),
      },
    })
  })
})

describe('another account', () => {
  it('needs its own permission and that of the owner', async () => {
    await using server = await startManagement()
    const { operator, bob } = await addBob(server, grant('codeartifact:*'))
    const put = (document: string) =>
      operator.call(operations.putRepositoryPermissionsPolicy, { ...MAIN, policyDocument: document })

    await expect(bob.call(operations.describeRepository, MAIN)).rejects.toThrow(/no resource-based policy/)
    await put(allow(OTHER, 'DescribeRepository'))
    expect(await bob.call(operations.describeRepository, MAIN)).toMatchObject({ repository: { name: 'main' } })
    await expect(bob.call(operations.describeDomain, LOCAL)).rejects.toEqual(forbidden)
    await expect(bob.call(operations.describeRepository, { ...MAIN, repository: 'npm-store' })).rejects.toEqual(
      forbidden,
    )
    const own = { account: OTHER, user: 'bob', policy: 'own' }
    await operator.call(operations.attachUserPolicy, { ...own, document: grant('codeartifact:DescribeDomain') })
    await expect(bob.call(operations.describeRepository, MAIN)).rejects.toThrow(/no identity-based policy/)
    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: allow(BOB, 'DescribeDomain', 'ReadFromRepository'),
    })
    expect(await bob.call(operations.describeDomain, LOCAL)).toMatchObject({ domain: { name: 'local' } })
    await operator.call(operations.deleteDomainPermissionsPolicy, LOCAL)
    await expect(bob.call(operations.describeDomain, LOCAL)).rejects.toEqual(forbidden)
  })

  it('sees only what it was let see, and cannot open more to itself', async () => {
    await using server = await startManagement()
    const { operator, bob } = await addBob(server, grant('*'))
    const everything = policy({ Effect: 'Allow', Principal: { AWS: OTHER }, Action: '*', Resource: '*' })
    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: allow(OTHER, 'GetDomainPermissionsPolicy'),
    })

    expect(await bob.call(operations.getDomainPermissionsPolicy, LOCAL)).toMatchObject({ policy: {} })
    expect(await bob.call(operations.listDomains, {})).toEqual({ domains: [] })
    expect(await bob.call(operations.listRepositories, {})).toEqual({ repositories: [] })
    for (const [call, input] of [
      [operations.listRepositoriesInDomain, LOCAL],
      [operations.listPackages, MAIN],
      [operations.describeRepository, MAIN],
      [operations.getRepositoryPermissionsPolicy, MAIN],
      [operations.listRules, LOCAL],
      [operations.getReservedPrefixes, LOCAL],
    ] as const) {
      await expect(bob.call(call as typeof operations.listPackages, input as typeof MAIN), call.name).rejects.toEqual(
        forbidden,
      )
    }
    await expect(bob.call(operations.listEvents, { account: HOME })).rejects.toEqual(forbidden)
    // Leaving out whose domain it is means one of its own, of which there is none.
    await expect(bob.call(operations.describeDomain, { domain: 'local' })).rejects.toEqual(missing)

    await operator.call(operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument: everything })
    expect(await bob.call(operations.listRepositoriesInDomain, LOCAL)).toMatchObject({
      repositories: [{ name: 'main' }, { name: 'npm-store' }, { name: 'pypi-store' }],
    })
    const wish = { policyDocument: everything }
    await expect(bob.call(operations.putDomainPermissionsPolicy, { ...LOCAL, ...wish })).rejects.toEqual(forbidden)
    await expect(bob.call(operations.deleteDomainPermissionsPolicy, LOCAL)).rejects.toEqual(forbidden)
    await expect(bob.call(operations.putRepositoryPermissionsPolicy, { ...MAIN, ...wish })).rejects.toEqual(forbidden)
  })

  it('owns the repositories that it makes in the domain, beside the owner of the domain', async () => {
    await using server = await startManagement()
    const { operator, bob } = await addBob(server, grant('codeartifact:*'))
    const guests = { ...LOCAL, repository: 'guests' }
    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: allow(OTHER, 'CreateRepository'),
    })
    await bob.call(operations.createRepository, guests)
    const { repository } = await bob.call(operations.describeRepository, guests)
    expect(repository).toMatchObject({ administratorAccount: OTHER, domainOwner: HOME })
    expect(await bob.call(operations.listRepositories, {})).toMatchObject({ repositories: [{ name: 'guests' }] })
    const put = await bob.call(operations.putRepositoryPermissionsPolicy, {
      ...guests,
      policyDocument: allow(OTHER, 'ReadFromRepository'),
    })
    expect(await operator.call(operations.getRepositoryPermissionsPolicy, guests)).toEqual(put)
    await expect(bob.call(operations.describeRepository, MAIN)).rejects.toEqual(forbidden)
  })

  it('is named by its id once the user is gone, and who takes the name is not meant', async () => {
    await using server = await startManagement()
    const { id, operator, bob } = await addBob(server, grant('codeartifact:*'))
    const document = `{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Principal": { "AWS": ["${BOB}", "${HOME}"] },
      "Action": "codeartifact:DescribeDomain", "Resource": "*", "Condition": { "StringLike": { "aws:PrincipalArn": "${BOB}" } } } }`
    const put = await operator.call(operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument: document })
    expect(put.policy.document).toBe(document)
    await bob.call(operations.describeDomain, LOCAL)

    await operator.call(operations.deleteUser, { account: OTHER, user: 'bob' })
    const shown = (await operator.call(operations.getDomainPermissionsPolicy, LOCAL)).policy
    const expected = JSON.parse(document) as { Statement: { Principal: { AWS: string[] } } }
    expected.Statement.Principal.AWS[0] = id
    expect(JSON.parse(shown.document)).toEqual(expected)
    expect(shown.revision).toBe(put.policy.revision)

    const second = await addBob(server, grant('codeartifact:*'))
    await expect(second.bob.call(operations.describeDomain, LOCAL)).rejects.toEqual(forbidden)
    expect((await operator.call(operations.getDomainPermissionsPolicy, LOCAL)).policy).toEqual(shown)
    // Put again, the name means who bears it now: that is a change.
    const again = await operator.call(operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument: document })
    expect(again.policy.revision).not.toBe(put.policy.revision)
    expect(await second.bob.call(operations.describeDomain, LOCAL)).toMatchObject({ domain: { name: 'local' } })
  })
})

it('changes are announced with their actor, without the document', async () => {
  await using server = await startManagement()
  const operator = as(server, server.key)
  const policyDocument = allow(HOME, 'DescribeDomain')
  const onDomain = await operator.call(operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument })
  await operator.call(operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument })
  const onMain = await operator.call(operations.putRepositoryPermissionsPolicy, { ...MAIN, policyDocument })
  await operator.call(operations.deleteDomainPermissionsPolicy, LOCAL)
  await operator.call(operations.deleteRepositoryPermissionsPolicy, MAIN)
  const { events } = await operator.call(operations.listEvents, { limit: 1000 })
  const ofPolicies = events.filter(({ type }) => /^(Domain|Repository) Policy /.test(type))
  expect(ofPolicies.map(({ type, detail }) => [type, detail['policyRevision']])).toEqual([
    ['Domain Policy Put', onDomain.policy.revision],
    ['Repository Policy Put', onMain.policy.revision],
    ['Domain Policy Deleted', onDomain.policy.revision],
    ['Repository Policy Deleted', onMain.policy.revision],
  ])
  expect(ofPolicies.every(({ actor }) => actor === `arn:aws:iam::${HOME}:user/admin`)).toBe(true)
  expect(JSON.stringify(ofPolicies)).not.toContain('2012-10-17')
})

describe('explaining', () => {
  const READ = 'codeartifact:ReadFromRepository'
  const resource = `${ARN}:repository/local/main`

  it('says what decided, on which side, and what was looked at', async () => {
    await using server = await startManagement()
    const { operator } = await addBob(server, grant(READ))
    const ask = (more: object = {}) =>
      operator.call(operations.explainPolicy, { principal: BOB, action: READ, resource, ...more })

    const own = { side: 'identity', policy: 'own' }
    expect(await ask()).toEqual({
      allowed: false,
      reason: 'no resource-based policy of the owning account allows it',
      decidedBy: null,
      errors: [],
      considered: [own],
    })
    await operator.call(operations.putRepositoryPermissionsPolicy, {
      ...MAIN,
      policyDocument: policy({
        Sid: 'Office',
        Effect: 'Allow',
        Principal: { AWS: OTHER },
        Action: READ,
        Resource: '*',
        Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } },
      }),
    })
    const onMain = { side: 'resource', policy: 'repository/local/main' }
    expect(await ask()).toMatchObject({ allowed: false, decidedBy: null, considered: [own, onMain] })
    expect(await ask({ context: { 'aws:SourceIp': '203.0.113.7' } })).toMatchObject({
      allowed: true,
      reason: expect.stringContaining('"Office"'),
      decidedBy: { ...onMain, statement: 'Office' },
    })
    expect(await ask({ context: { 'aws:SourceIp': '198.51.100.7' } })).toMatchObject({ allowed: false })
    expect(await ask({ context: { 'aws:SourceIp': 'nonsense' } })).toMatchObject({
      allowed: false,
      errors: [{ ...onMain, statement: 'Office' }],
    })
    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: policy({ Effect: 'Deny', Principal: { AWS: BOB }, Action: '*', Resource: '*' }),
    })
    expect(await ask({ context: { 'aws:SourceIp': '203.0.113.7' } })).toMatchObject({
      allowed: false,
      reason: expect.stringMatching(/explicitly denies/),
      decidedBy: { side: 'resource', policy: 'domain/local', statement: 0 },
    })
  })

  it('agrees with real requests, also about what ignores policies of resources', async () => {
    await using server = await startManagement()
    const { operator, bob } = await addBob(server, grant('*'))
    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: policy(
        { Effect: 'Allow', Principal: { AWS: OTHER }, Action: '*', Resource: '*' },
        { Effect: 'Deny', Principal: { AWS: `arn:aws:iam::${HOME}:user/admin` }, Action: '*', Resource: '*' },
      ),
    })
    const both = allow(OTHER, 'DescribeDomain')
    const calls = [
      [operations.describeDomain, LOCAL, `${ARN}:domain/local`],
      [operations.putDomainPermissionsPolicy, { ...LOCAL, policyDocument: both }, `${ARN}:domain/local`],
      [operations.listRepositoriesInDomain, LOCAL, `${ARN}:domain/local`],
      [operations.describeRepository, MAIN, resource],
      [operations.listDomains, {}, '*'],
      [operations.listAccounts, {}, '*'],
      [operations.listUsers, { account: HOME }, `arn:aws:iam::${HOME}:user/x`],
    ] as const
    const callers = [
      [bob, BOB],
      [operator, `arn:aws:iam::${HOME}:user/admin`],
    ] as const
    for (const [client, principal] of callers) {
      for (const [operation, input, about] of calls) {
        const { allowed } = await operator.call(operations.explainPolicy, {
          principal,
          action: operation.action ?? '',
          resource: about,
        })
        const done = await client.call(operation as typeof operations.describeDomain, input as typeof LOCAL).then(
          () => true,
          () => false,
        )
        expect(allowed, `${principal} ${operation.name}`).toBe(done)
      }
    }
  })

  it('works for what does not exist yet, and for who is not logged in', async () => {
    await using server = await startManagement()
    const operator = as(server, server.key)
    const ask = (principal: string, action: string, about: string) =>
      operator.call(operations.explainPolicy, { principal, action, resource: about })
    const admin = `arn:aws:iam::${HOME}:user/admin`
    expect(await ask(admin, 'codeartifact:CreateRepository', `${ARN}:repository/local/new`)).toMatchObject({
      allowed: true,
      decidedBy: { side: 'identity', policy: 'administrator', statement: 'Everything' },
    })
    expect(await ask(admin, READ, `${ARN}:repository/absent/new`)).toMatchObject({ allowed: true })
    expect(await ask('anonymous', READ, resource)).toMatchObject({ allowed: false, considered: [] })
    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: policy({ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }),
    })
    expect(await ask('anonymous', READ, `${ARN}:repository/local/new`)).toMatchObject({ allowed: true })
    expect(
      await ask('anonymous', 'codeartifact:PublishPackageVersion', `${ARN}:package/local/main/npm//x`),
    ).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('log-in'),
    })
  })

  it('asks the trust policy of a role that is to be assumed, and the session policy of one that was', async () => {
    await using server = await startManagement()
    const { operator } = await addBob(server, grant('*'))
    const role = `arn:aws:iam::${OTHER}:role/build`
    const ask = (principal: string, action: string, about: string, more: object = {}) =>
      operator.call(operations.explainPolicy, { principal, action, resource: about, ...more })
    const trust = policy({ Sid: 'Admins', Effect: 'Allow', Principal: { AWS: HOME }, Action: 'sts:AssumeRole' })
    await operator.call(operations.createRole, { account: OTHER, role: 'build', trust })
    await operator.call(operations.attachRolePolicy, {
      account: OTHER,
      role: 'build',
      policy: 'all',
      preset: 'publisher',
    })
    expect(await ask(BOB, 'sts:AssumeRole', role)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('trust policy'),
      considered: [
        { side: 'identity', policy: 'own' },
        { side: 'resource', policy: 'build' },
      ],
    })
    expect(await ask(`arn:aws:iam::${HOME}:user/admin`, 'sts:AssumeRole', role)).toMatchObject({ allowed: true })
    expect(await ask(BOB, 'sts:AssumeRole', `${role}s`)).toMatchObject({ considered: [{ policy: 'own' }] })
    await expect(ask(BOB, 'sts:AssumeRole', resource)).rejects.toThrow(/Only a role can be assumed/)

    await operator.call(operations.putDomainPermissionsPolicy, {
      ...LOCAL,
      policyDocument: allow(role, 'ReadFromRepository'),
    })
    const session = `arn:aws:sts::${OTHER}:assumed-role/build/run-7`
    for (const principal of [role, session]) {
      expect(await ask(principal, READ, resource)).toMatchObject({ allowed: true, decidedBy: { statement: 'Guests' } })
      expect(await ask(principal, READ, resource, { sessionPolicy: grant('codeartifact:List*') })).toMatchObject({
        allowed: false,
        reason: 'the session policy does not allow it',
        considered: [{ policy: 'all' }, { side: 'session' }, { policy: 'domain/local' }],
      })
    }
  })

  it('is for the accounts that it is about, and for operators', async () => {
    await using server = await startManagement()
    const { operator, bob } = await addBob(server, grant('granary:ExplainPolicy'))
    const ask = (client: Client, principal: string, about: string) =>
      client.call(operations.explainPolicy, { principal, action: READ, resource: about })
    const ofBobs = `arn:aws:codeartifact:us-east-1:${OTHER}:domain/bobs`
    expect(await ask(bob, BOB, ofBobs)).toMatchObject({ allowed: false })
    await expect(ask(bob, BOB, resource)).rejects.toEqual(forbidden)
    await expect(ask(bob, `arn:aws:iam::${HOME}:user/admin`, ofBobs)).rejects.toEqual(forbidden)
    await expect(ask(bob, `arn:aws:iam::${HOME}:user/nobody`, ofBobs)).rejects.toEqual(forbidden)
    await expect(ask(bob, `arn:aws:iam::${OTHER}:user/nobody`, ofBobs)).rejects.toEqual(missing)
    expect(await ask(operator, BOB, ofBobs)).toMatchObject({ allowed: false })
    await operator.call(operations.detachUserPolicy, { account: OTHER, user: 'bob', policy: 'own' })
    await expect(ask(bob, BOB, ofBobs)).rejects.toEqual(forbidden)
  })

  it.each([
    ['an action that does not exist', { action: 'codeartifact:Read' }, /is not an action/],
    ['a wildcard for an action', { action: 'codeartifact:*' }, /is not an action/],
    ['no principal', { principal: '*' }, /is no principal/],
    ['no resource', { resource: 'main' }, /is neither/],
    [
      "another installation's region",
      { resource: resource.replace('us-east-1', 'eu-west-1') },
      /have the region us-east-1/,
    ],
    ['a session policy for a user', { sessionPolicy: grant(READ) }, /Only the session of a role/],
    ['a session policy that is none', { sessionPolicy: '{}' }, /not valid/],
    ['a context that is none', { context: { 'aws:SourceIp': 7 } }, /context/],
  ])('refuses %s', async (_, wrong, message) => {
    await using server = await startManagement()
    const principal = `arn:aws:iam::${HOME}:user/admin`
    const asked = { principal, action: READ, resource, ...wrong } as {
      principal: string
      action: string
      resource: string
    }
    await expect(as(server, server.key).call(operations.explainPolicy, asked)).rejects.toThrow(message)
  })
})
