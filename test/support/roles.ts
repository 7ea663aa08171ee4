import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import type { RoleCredentials } from '../../src/cli/sts.ts'
import type { AccessKey } from './server.ts'

export const policyOf = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements })

export const allow = (action: string | readonly string[], resource = '*') => ({
  Effect: 'Allow',
  Action: action,
  Resource: resource,
})

/** A statement of a trust policy. */
export const trusting = (principal: string, more: object = {}) => ({
  Effect: 'Allow',
  Principal: { AWS: principal },
  Action: 'sts:AssumeRole',
  ...more,
})

export const TOKENS = ['sts:GetServiceBearerToken', 'codeartifact:GetAuthorizationToken']

export type Role = {
  readonly account: string
  readonly role: string
  readonly trust: readonly object[]
  readonly rights: readonly object[]
  readonly maxSessionSeconds?: number
}

/** Makes a role with one policy, as an operator does. */
export async function createRole(operator: Client, { account, role, trust, rights, maxSessionSeconds }: Role) {
  const made = await operator.call(operations.createRole, {
    account,
    role,
    trust: policyOf(...trust),
    maxSessionSeconds,
  })
  const document = policyOf(...rights)
  await operator.call(operations.attachRolePolicy, { account, role, policy: 'rights', document })
  return made
}

/** Makes a user in any account, with a key. */
export async function createUser(operator: Client, account: string, user: string, rights: readonly object[]) {
  await operator.call(operations.createUser, { account, user })
  if (rights.length > 0)
    await operator.call(operations.attachUserPolicy, { account, user, policy: 'rights', document: policyOf(...rights) })
  const { accessKeyId, secretAccessKey } = await operator.call(operations.createAccessKey, { account, user })
  return { accessKeyId, secretAccessKey }
}

/** A client that signs with a user's key, or with the credentials of a role session. */
export const clientOf = (url: string, credentials: AccessKey | RoleCredentials): Client =>
  openClient({
    url,
    region: 'us-east-1',
    credentials: {
      kind: 'access-key',
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      sessionToken: 'sessionToken' in credentials ? credentials.sessionToken : null,
    },
  })
