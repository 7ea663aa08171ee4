import { z } from 'zod'
import { body, operation, path } from '../operation.ts'
import { accountId, identityName, timestamp } from '../shapes.ts'
import { attachedPolicy as policy, EXAMPLE_DOCUMENT } from './attached-policy.ts'
import { inAccount } from './places.ts'

const MIN_SESSION_SECONDS = 3_600
const MAX_SESSION_SECONDS = 43_200

const role = z.object({
  account: accountId,
  name: identityName,
  id: z.string().describe('Never used again, also where the name is.'),
  arn: z.string(),
  createdAt: timestamp,
  trust: z
    .string()
    .describe(
      'The trust policy as it was given: JSON text. Users and roles that were deleted since are named by their ids.',
    ),
  maxSessionSeconds: z.int().describe('The longest session.'),
  sessionsValidFrom: timestamp.describe('Sessions that began earlier are over.'),
})
const trustDocument = z
  .string()
  .min(1)
  .max(4096)
  .describe('The trust policy, an IAM policy document that says who may assume the role: JSON text.')
const maxSessionSeconds = z
  .int()
  .min(MIN_SESSION_SECONDS)
  .max(MAX_SESSION_SECONDS)
  .optional()
  .describe(`The longest session in seconds: ${MIN_SESSION_SECONDS} to ${MAX_SESSION_SECONDS}.`)

const ofRole = { ...inAccount, role: path('role', identityName) }
const ofPolicy = { ...ofRole, policy: path('policy', identityName) }

const EXAMPLE_TRUST =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222233334444:user/ci"},"Action":"sts:AssumeRole"}]}'
const EXAMPLE_TIME = '2026-09-21T13:33:20.000Z'
const THE_ROLE = { account: '111122223333', role: 'build' } as const
const EXAMPLE_ROLE = {
  account: '111122223333',
  name: 'build',
  id: 'AROAEXAMPLEEXAMPLE12',
  arn: 'arn:aws:iam::111122223333:role/build',
  createdAt: EXAMPLE_TIME,
  trust: EXAMPLE_TRUST,
  maxSessionSeconds: 3600,
  sessionsValidFrom: EXAMPLE_TIME,
}

export const createRole = operation({
  name: 'CreateRole',
  summary: 'Makes a role, which may do nothing until a policy is attached.',
  description: 'Whom the trust policy names is found now: whoever is made anew under the same name later is not meant.',
  method: 'POST',
  path: '/api/accounts/{account}/roles',
  input: {
    ...inAccount,
    role: body('name', identityName),
    trust: body('trust', trustDocument),
    maxSessionSeconds: body('maxSessionSeconds', maxSessionSeconds),
  },
  output: role,
  action: 'granary:CreateRole',
  resource: 'role',
  examples: [{ title: 'A role', input: { ...THE_ROLE, trust: EXAMPLE_TRUST }, output: EXAMPLE_ROLE }],
})

export const listRoles = operation({
  name: 'ListRoles',
  summary: 'Lists the roles of an account.',
  method: 'GET',
  path: '/api/accounts/{account}/roles',
  input: inAccount,
  output: z.object({ roles: z.array(role) }),
  action: 'granary:ListRoles',
  resource: 'role',
  examples: [{ title: 'All roles', input: { account: '111122223333' }, output: { roles: [EXAMPLE_ROLE] } }],
})

export const updateRole = operation({
  name: 'UpdateRole',
  summary: 'Replaces the trust policy of a role or its longest session; what is left out stays.',
  description: 'Sessions go on: RevokeRoleSessions ends them.',
  method: 'PUT',
  path: '/api/accounts/{account}/roles/{role}',
  input: {
    ...ofRole,
    trust: body('trust', trustDocument.optional()),
    maxSessionSeconds: body('maxSessionSeconds', maxSessionSeconds),
  },
  output: role,
  action: 'granary:UpdateRole',
  resource: 'role',
  examples: [
    {
      title: 'Longer sessions',
      input: { ...THE_ROLE, maxSessionSeconds: 43_200 },
      output: { ...EXAMPLE_ROLE, maxSessionSeconds: 43_200 },
    },
  ],
})

export const deleteRole = operation({
  name: 'DeleteRole',
  summary: 'Deletes a role with its policies. Its sessions and their tokens end at once.',
  method: 'DELETE',
  path: '/api/accounts/{account}/roles/{role}',
  input: ofRole,
  output: z.object({}),
  action: 'granary:DeleteRole',
  resource: 'role',
  examples: [{ title: 'A role', input: THE_ROLE, output: {} }],
})

export const revokeRoleSessions = operation({
  name: 'RevokeRoleSessions',
  summary: 'Ends all sessions of a role and their tokens, from the next request on.',
  description:
    'Whom the trust policy allows it may assume the role anew. A session of another role that one of them assumed goes on.',
  method: 'POST',
  path: '/api/accounts/{account}/roles/{role}/revoke-sessions',
  input: ofRole,
  output: role,
  action: 'granary:RevokeRoleSessions',
  resource: 'role',
  examples: [{ title: 'A role', input: THE_ROLE, output: EXAMPLE_ROLE }],
})

export const attachRolePolicy = operation({
  name: 'AttachRolePolicy',
  summary: 'Attaches an IAM policy document to a role, in place of one that had the same name.',
  method: 'PUT',
  path: '/api/accounts/{account}/roles/{role}/policies/{policy}',
  input: {
    ...ofPolicy,
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
  action: 'granary:AttachRolePolicy',
  resource: 'role',
  examples: [
    {
      title: 'A role that may read',
      input: { ...THE_ROLE, policy: 'read', document: EXAMPLE_DOCUMENT },
      output: { name: 'read', document: EXAMPLE_DOCUMENT },
    },
  ],
})

export const listRolePolicies = operation({
  name: 'ListRolePolicies',
  summary: 'Lists the policies of a role with their documents.',
  method: 'GET',
  path: '/api/accounts/{account}/roles/{role}/policies',
  input: ofRole,
  output: z.object({ policies: z.array(policy) }),
  action: 'granary:ListRolePolicies',
  resource: 'role',
  examples: [
    {
      title: 'All policies',
      input: THE_ROLE,
      output: { policies: [{ name: 'read', document: EXAMPLE_DOCUMENT }] },
    },
  ],
})

export const detachRolePolicy = operation({
  name: 'DetachRolePolicy',
  summary: 'Takes a policy from a role.',
  method: 'DELETE',
  path: '/api/accounts/{account}/roles/{role}/policies/{policy}',
  input: ofPolicy,
  output: z.object({}),
  action: 'granary:DetachRolePolicy',
  resource: 'role',
  examples: [{ title: 'A policy', input: { ...THE_ROLE, policy: 'read' }, output: {} }],
})
