import { z } from 'zod'
import { body, operation, path } from '../operation.ts'
import { accountId, identityName, timestamp } from '../shapes.ts'
import { attachedPolicy as policy, EXAMPLE_DOCUMENT } from './attached-policy.ts'
import { inAccount } from './places.ts'

const account = z.object({ id: accountId, createdAt: timestamp })
const user = z.object({
  account: accountId,
  name: identityName,
  id: z.string().describe('Never used again, also where the name is.'),
  arn: z.string(),
  createdAt: timestamp,
})
// Members as IAM names them.
const accessKey = z.object({
  accessKeyId: z.string(),
  account: accountId,
  user: identityName,
  createdAt: timestamp,
  revokedAt: timestamp.nullable(),
})
const accessKeyIdText = z
  .string()
  .regex(/^[A-Z0-9]{16,128}$/, 'must be an access key id: 16 to 128 upper-case letters and digits')
const ofUser = { ...inAccount, user: path('user', identityName) }

const EXAMPLE_TIME = '2026-09-21T13:33:20.000Z'
const EXAMPLE_USER = {
  account: '111122223333',
  name: 'bob',
  id: 'AIDAEXAMPLEEXAMPLE12',
  arn: 'arn:aws:iam::111122223333:user/bob',
  createdAt: EXAMPLE_TIME,
}
const EXAMPLE_KEY = {
  accessKeyId: 'AKIAEXAMPLEEXAMPLE12',
  account: '111122223333',
  user: 'bob',
  createdAt: EXAMPLE_TIME,
}

export const whoAmI = operation({
  name: 'WhoAmI',
  summary: 'Tells who is calling.',
  method: 'GET',
  path: '/api/whoami',
  input: {},
  output: z.object({
    account: accountId,
    user: identityName.nullable().describe('null for who assumed a role.'),
    role: identityName.nullable().describe('The role that the caller assumed.'),
    session: z.string().nullable().describe('The name of the role session.'),
    id: z.string().describe("The user's, or the role's with the name of the session: `AROA…:session`."),
    arn: z.string(),
    domain: z.string().nullable().describe('The one domain that the token of the caller is for.'),
  }),
  action: null,
  resource: 'caller',
  examples: [
    {
      title: 'With an access key',
      input: {},
      output: {
        account: '111122223333',
        user: 'bob',
        role: null,
        session: null,
        id: EXAMPLE_USER.id,
        arn: EXAMPLE_USER.arn,
        domain: null,
      },
    },
    {
      title: 'With the credentials of a role session',
      input: {},
      output: {
        account: '111122223333',
        user: null,
        role: 'build',
        session: 'run-7',
        id: 'AROAEXAMPLEEXAMPLE12:run-7',
        arn: 'arn:aws:sts::111122223333:assumed-role/build/run-7',
        domain: null,
      },
    },
  ],
})

export const createAccount = operation({
  name: 'CreateAccount',
  summary: 'Makes an account.',
  method: 'POST',
  path: '/api/accounts',
  input: { id: body('id', accountId) },
  output: account,
  action: 'granary:CreateAccount',
  resource: 'installation',
  examples: [
    {
      title: 'An account',
      input: { id: '111122223333' },
      output: { id: '111122223333', createdAt: EXAMPLE_TIME },
    },
  ],
})

export const listAccounts = operation({
  name: 'ListAccounts',
  summary: 'Lists the accounts.',
  method: 'GET',
  path: '/api/accounts',
  input: {},
  output: z.object({ accounts: z.array(account) }),
  action: 'granary:ListAccounts',
  resource: 'installation',
  examples: [
    {
      title: 'All accounts',
      input: {},
      output: { accounts: [{ id: '111122223333', createdAt: EXAMPLE_TIME }] },
    },
  ],
})

export const createUser = operation({
  name: 'CreateUser',
  summary: 'Makes a user, who may do nothing until a policy is attached.',
  method: 'POST',
  path: '/api/accounts/{account}/users',
  input: { ...inAccount, user: body('name', identityName) },
  output: user,
  action: 'granary:CreateUser',
  resource: 'user',
  examples: [{ title: 'A user', input: { account: '111122223333', user: 'bob' }, output: EXAMPLE_USER }],
})

export const listUsers = operation({
  name: 'ListUsers',
  summary: 'Lists the users of an account.',
  method: 'GET',
  path: '/api/accounts/{account}/users',
  input: inAccount,
  output: z.object({ users: z.array(user) }),
  action: 'granary:ListUsers',
  resource: 'user',
  examples: [{ title: 'All users', input: { account: '111122223333' }, output: { users: [EXAMPLE_USER] } }],
})

export const deleteUser = operation({
  name: 'DeleteUser',
  summary: 'Deletes a user with all access keys and policies. Tokens of the user end at once.',
  method: 'DELETE',
  path: '/api/accounts/{account}/users/{user}',
  input: ofUser,
  output: z.object({}),
  action: 'granary:DeleteUser',
  resource: 'user',
  examples: [{ title: 'A user', input: { account: '111122223333', user: 'bob' }, output: {} }],
})

export const createAccessKey = operation({
  name: 'CreateAccessKey',
  summary: 'Makes an access key for a user. Its secret is shown this once.',
  method: 'POST',
  path: '/api/accounts/{account}/users/{user}/keys',
  input: ofUser,
  output: accessKey.extend({ secretAccessKey: z.string().describe('It cannot be read again.') }),
  action: 'granary:CreateAccessKey',
  resource: 'user',
  examples: [
    {
      title: 'A key',
      input: { account: '111122223333', user: 'bob' },
      output: { ...EXAMPLE_KEY, revokedAt: null, secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    },
  ],
})

export const listAccessKeys = operation({
  name: 'ListAccessKeys',
  summary: 'Lists the access keys of a user, without their secrets.',
  method: 'GET',
  path: '/api/accounts/{account}/users/{user}/keys',
  input: ofUser,
  output: z.object({ keys: z.array(accessKey) }),
  action: 'granary:ListAccessKeys',
  resource: 'user',
  examples: [
    {
      title: 'All keys',
      input: { account: '111122223333', user: 'bob' },
      output: { keys: [{ ...EXAMPLE_KEY, revokedAt: null }] },
    },
  ],
})

export const revokeAccessKey = operation({
  name: 'RevokeAccessKey',
  summary: 'Revokes an access key for good, from the next request on.',
  method: 'DELETE',
  path: '/api/accounts/{account}/users/{user}/keys/{key}',
  input: { ...ofUser, key: path('key', accessKeyIdText) },
  output: accessKey,
  action: 'granary:RevokeAccessKey',
  resource: 'user',
  examples: [
    {
      title: 'A key',
      input: { account: '111122223333', user: 'bob', key: EXAMPLE_KEY.accessKeyId },
      output: { ...EXAMPLE_KEY, revokedAt: EXAMPLE_TIME },
    },
  ],
})

export const attachUserPolicy = operation({
  name: 'AttachUserPolicy',
  summary: 'Attaches an IAM policy document to a user, in place of one that had the same name.',
  method: 'PUT',
  path: '/api/accounts/{account}/users/{user}/policies/{policy}',
  input: {
    ...ofUser,
    policy: path('policy', identityName),
    document: body('document', z.string().min(1).max(10_240).optional().describe('An IAM policy document: JSON text.')),
    preset: body(
      'preset',
      z
        .enum(['administrator', 'publisher', 'reader'])
        .optional()
        .describe('A document that is known by name, in place of one.'),
    ),
  },
  output: policy,
  action: 'granary:AttachUserPolicy',
  resource: 'user',
  examples: [
    {
      title: 'A user who may read',
      input: { account: '111122223333', user: 'bob', policy: 'read', document: EXAMPLE_DOCUMENT },
      output: { name: 'read', document: EXAMPLE_DOCUMENT },
    },
  ],
})

export const listUserPolicies = operation({
  name: 'ListUserPolicies',
  summary: 'Lists the policies of a user with their documents.',
  method: 'GET',
  path: '/api/accounts/{account}/users/{user}/policies',
  input: ofUser,
  output: z.object({ policies: z.array(policy) }),
  action: 'granary:ListUserPolicies',
  resource: 'user',
  examples: [
    {
      title: 'All policies',
      input: { account: '111122223333', user: 'bob' },
      output: { policies: [{ name: 'read', document: EXAMPLE_DOCUMENT }] },
    },
  ],
})

export const detachUserPolicy = operation({
  name: 'DetachUserPolicy',
  summary: 'Takes a policy from a user.',
  method: 'DELETE',
  path: '/api/accounts/{account}/users/{user}/policies/{policy}',
  input: { ...ofUser, policy: path('policy', identityName) },
  output: z.object({}),
  action: 'granary:DetachUserPolicy',
  resource: 'user',
  examples: [{ title: 'A policy', input: { account: '111122223333', user: 'bob', policy: 'read' }, output: {} }],
})
