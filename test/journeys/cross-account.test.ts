import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient, type Client } from '../support/clients/require-client.ts'
import type { Finished } from '../support/clients/run.ts'
import type { Granary } from '../support/granary.ts'
import { startServers } from '../support/servers.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'

const OWNER = '000000000000'
const OTHER = '222233334444'
const BOB = `arn:aws:iam::${OTHER}:user/bob`
const BUILD = `arn:aws:iam::${OTHER}:role/build`

type Key = { readonly accessKeyId: string; readonly secretAccessKey: string }

const policy = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements })

/** What everybody of the other account who is to install needs of their own account. */
const INSTALLS = policy(
  {
    Effect: 'Allow',
    Action: [
      'codeartifact:GetAuthorizationToken',
      'codeartifact:GetRepositoryEndpoint',
      'codeartifact:ReadFromRepository',
    ],
    Resource: '*',
  },
  { Effect: 'Allow', Action: 'codeartifact:PublishPackageVersion', Resource: '*' },
  { Effect: 'Allow', Action: 'sts:GetServiceBearerToken', Resource: '*' },
)
const MAY_ASSUME = policy({ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: BUILD })
const TRUSTS_BOB = policy({ Effect: 'Allow', Principal: { AWS: BOB }, Action: 'sts:AssumeRole' })
const LETS_IN = policy({
  Sid: 'Guests',
  Effect: 'Allow',
  Principal: { AWS: [BOB, BUILD] },
  Action: 'codeartifact:GetAuthorizationToken',
  Resource: '*',
})
const READERS = policy({
  Sid: 'GuestsRead',
  Effect: 'Allow',
  Principal: { AWS: [BOB, BUILD] },
  // `aws codeartifact login` asks for the endpoint.
  Action: ['codeartifact:GetRepositoryEndpoint', 'codeartifact:ReadFromRepository'],
  Resource: '*',
})

/** The AWS CLI as somebody with these credentials types it, against one of the servers. */
const awsAs =
  (aws: Client, home: ClientHome, credentials: Readonly<Record<string, string>>) =>
  (granary: Granary, ...args: readonly string[]): Promise<Finished> =>
    aws(home, args, { env: { ...credentials, AWS_DEFAULT_REGION: 'us-east-1', AWS_ENDPOINT_URL: granary.url } })

const succeeded = (finished: Finished): Finished => {
  expect(finished, finished.stdout + finished.stderr).toMatchObject({ code: 0 })
  return finished
}

/** A machine on which somebody installs, with the token that `aws codeartifact get-authorization-token` gave. */
async function installer(npm: Client, home: ClientHome, name: string, granary: Granary, token: string) {
  let caches = 0
  const setUp = async ({ url }: Granary) => {
    const registry = `${url}/npm/acme/main/`
    const lines = [`registry=${registry}`, `${registry.replace('http:', '')}:_authToken=${token}`]
    await writeFile(join(home.folder, '.npmrc'), `${lines.join('\n')}\n`)
  }
  await setUp(granary)
  const app = await home.project(name)
  await writeFile(join(app, 'package.json'), JSON.stringify({ name, version: '1.0.0' }))
  return {
    /** From an empty cache, so that each asks the registry. */
    install: (...packages: readonly string[]) =>
      npm(home, ['install', '--no-save', '--cache', join(home.folder, `cache-${++caches}`), ...packages], {
        cwd: app,
      }),
    publish: () => npm(home, ['publish'], { cwd: app }),
    /** The same token at another process of the installation. */
    moveTo: setUp,
  }
}

describe.each([
  { store: 'SQLite', processes: 1 },
  { store: 'PostgreSQL', processes: 2 },
] as const)('another account at $processes server process(es) on $store', ({ store, processes }) => {
  it('installs once both sides allow it, by user and by role, never publishes, and is out at the next request', async (context) => {
    const aws = await requireClient(context, 'aws')
    const npm = await requireClient(context, 'npm')
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'public-thing', version: '1.0.0' })
    await using servers = await startServers(store, processes, { GRANARY_UPSTREAM_NPMJS: upstream.url })
    const here = servers.all[0] as Granary
    const there = servers.all.at(-1) as Granary
    await using ownerHome = await clientHome()
    await using bobHome = await clientHome()
    await using buildHome = await clientHome()

    // The owner's side: a domain of its own with a repository that draws from upstream.
    const owner = awsAs(aws, ownerHome, { AWS_SHARED_CREDENTIALS_FILE: join(here.data, 'credentials') })
    succeeded(await owner(here, 'codeartifact', 'create-domain', '--domain', 'acme'))
    const inMain = ['--domain', 'acme', '--repository', 'main'] as const
    succeeded(await owner(here, 'codeartifact', 'create-repository', ...inMain))
    succeeded(
      await owner(
        here,
        'codeartifact',
        'associate-external-connection',
        ...inMain,
        '--external-connection',
        'public:npmjs',
      ),
    )

    // The other account's side, made by an operator: a user, a role that the user may assume, and what both may do.
    const operator = (...args: readonly string[]) => here.cli(ownerHome, ...args).then(succeeded)
    const inOther = ['--account', OTHER] as const
    await operator('account', 'create', OTHER)
    await operator('user', 'create', 'bob', ...inOther)
    await operator('policy', 'attach-user', 'bob', ...inOther, '--name', 'installs', '--document', INSTALLS)
    await operator('policy', 'attach-user', 'bob', ...inOther, '--name', 'assumes', '--document', MAY_ASSUME)
    await operator('role', 'create', 'build', ...inOther, '--trust', TRUSTS_BOB)
    await operator('policy', 'attach-role', 'build', ...inOther, '--name', 'installs', '--document', INSTALLS)
    const key = await here.json<Key>(ownerHome, 'key', 'create', 'bob', ...inOther)
    const bob = awsAs(aws, bobHome, {
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    })
    const getToken = ['codeartifact', 'get-authorization-token', '--domain', 'acme', '--domain-owner', OWNER] as const
    const textOf = ['--query', 'authorizationToken', '--output', 'text'] as const
    const login = ['codeartifact', 'login', '--tool', 'npm', ...inMain, '--domain-owner', OWNER] as const

    // Without the owner's word there is no token.
    const early = await bob(there, ...getToken)
    expect(early.code).not.toBe(0)
    expect(early.stderr).toMatch(/AccessDenied/)
    expect(early.stderr).toMatch(/bob is not authorized to perform codeartifact:GetAuthorizationToken/)
    expect(early.stderr).toMatch(/no resource-based policy/)

    // With the domain's policy there is one, which does not read the repository yet. npm prints why.
    const onDomain = ['--domain', 'acme', '--policy-document'] as const
    succeeded(await owner(here, 'codeartifact', 'put-domain-permissions-policy', ...onDomain, LETS_IN))
    const bobsToken = succeeded(await bob(there, ...getToken, ...textOf)).stdout.trim()
    const bobs = await installer(npm, bobHome, 'bobs-app', there, bobsToken)
    const refused = await bobs.install('public-thing')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/E403/)
    expect(refused.stderr).toMatch(/not authorized to perform codeartifact:ReadFromRepository/)

    // With the repository's policy the same token installs, and publishes nothing, though bob's own account would let him.
    const put = ['codeartifact', 'put-repository-permissions-policy', ...inMain, '--policy-document'] as const
    succeeded(await owner(here, ...put, READERS))
    succeeded(await bobs.install('public-thing'))
    const published = await bobs.publish()
    expect(published.code).not.toBe(0)
    expect(published.stderr).toMatch(/E403/)
    expect(published.stderr).toMatch(/PublishPackageVersion/)
    // As people really log in: the AWS CLI writes npm's configuration.
    succeeded(await bob(there, ...login))
    succeeded(await bobs.install('public-thing'))
    await bobs.moveTo(there)

    // The role.
    const assumed = succeeded(
      await bob(there, 'sts', 'assume-role', '--role-arn', BUILD, '--role-session-name', 'run-7', '--output', 'json'),
    )
    type Assumed = { Credentials: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string } }
    const { Credentials: session } = JSON.parse(assumed.stdout) as Assumed
    const build = awsAs(aws, buildHome, {
      AWS_ACCESS_KEY_ID: session.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: session.SecretAccessKey,
      AWS_SESSION_TOKEN: session.SessionToken,
    })
    const identity = succeeded(await build(here, 'sts', 'get-caller-identity', '--output', 'json'))
    expect(JSON.parse(identity.stdout)).toMatchObject({
      Account: OTHER,
      Arn: `arn:aws:sts::${OTHER}:assumed-role/build/run-7`,
    })
    const buildsToken = succeeded(await build(there, ...getToken, ...textOf)).stdout.trim()
    const builds = await installer(npm, buildHome, 'builds-app', there, buildsToken)
    succeeded(await builds.install('public-thing'))
    expect((await builds.publish()).stderr).toMatch(/E403/)

    // An explicit deny beats every allow, for whom it names.
    const denied = JSON.parse(READERS) as { Statement: object[] }
    denied.Statement.push({ Sid: 'NotBob', Effect: 'Deny', Principal: { AWS: BOB }, Action: '*', Resource: '*' })
    succeeded(await owner(here, ...put, JSON.stringify(denied)))
    const shut = await bobs.install('public-thing')
    expect(shut.stderr).toMatch(/E403/)
    expect(shut.stderr).toMatch(/explicitly denies/)
    succeeded(await builds.install('public-thing'))
    type Explained = { allowed: boolean; decidedBy: { statement: string } | null }
    const explained = await here.json<Explained>(
      ownerHome,
      'policy',
      'explain',
      '--principal',
      BOB,
      '--action',
      'codeartifact:ReadFromRepository',
      '--resource',
      `arn:aws:codeartifact:us-east-1:${OWNER}:repository/acme/main`,
    )
    expect(explained).toMatchObject({ allowed: false, decidedBy: { statement: 'NotBob' } })

    // Without the policy both are out at the next request, with the same tokens, at each process.
    succeeded(await owner(here, ...put, READERS))
    succeeded(await bobs.install('public-thing'))
    succeeded(await owner(here, 'codeartifact', 'delete-repository-permissions-policy', ...inMain))
    for (const granary of servers.all) {
      for (const { install, moveTo } of [bobs, builds]) {
        await moveTo(granary)
        expect((await install('public-thing')).stderr).toMatch(/E403/)
      }
    }
  })
})
