import { z } from 'zod'
import { body, operation, path } from '../operation.ts'
import { domainName, format, repositoryName } from '../shapes.ts'
import { inDomain } from './places.ts'

const packageText = z.string().min(1).max(512).regex(/^\S+$/, 'may have no white space')

const packages = z
  .array(
    z.object({
      format,
      package: packageText.describe(
        'The name as its users write it (`@acme/hello`), or the start of one that ends in `*`.',
      ),
      versions: z.array(z.string().min(1).max(255)).max(100).optional().describe('Left out or empty: all versions.'),
    }),
  )
  .min(1)
  .max(1000)
const reason = z.string().min(1).max(500).describe('Shown to whoever asks for a version that it holds.')

const denyList = z.object({ kind: z.literal('deny-list'), packages, reason })

const LONGEST_AGE = 366 * 24 * 60 * 60

const minimumAge = z.object({
  kind: z.literal('minimum-age'),
  seconds: z.int().min(1).max(LONGEST_AGE).describe('How long a version from upstream is held after it was published.'),
  packages: packages.optional().describe('What it holds; left out: everything.'),
  except: packages.optional().describe('What is never too young.'),
  reason: reason.optional(),
})

const anyRule = z.discriminatedUnion('kind', [denyList, minimumAge])
const rule = z.object({ id: z.string(), domain: domainName, repository: repositoryName.nullable(), rule: anyRule })

const EXAMPLE_RULE = {
  kind: 'deny-list',
  packages: [{ format: 'npm', package: 'lodash', versions: ['4.17.20'] }],
  reason: 'Command injection; use 4.17.21',
} as const
const EXAMPLE_AGE_RULE = {
  kind: 'minimum-age',
  seconds: 604_800,
  except: [{ format: 'npm', package: 'lodash', versions: ['4.17.22'] }],
} as const
const EXAMPLE = {
  id: 'c0a8f3d2-0d2a-4a7f-9a57-0f1f1c6f4a10',
  domain: 'team',
  repository: null,
  rule: EXAMPLE_RULE,
} as const

export const createRule = operation({
  name: 'CreateRule',
  summary: 'Makes a curation rule: what it names is held back in a domain, or in one repository of it.',
  method: 'POST',
  path: '/api/domains/{domain}/rules',
  input: {
    ...inDomain,
    repository: body('repository', repositoryName.nullable().optional()),
    rule: body('rule', anyRule),
  },
  output: rule,
  action: 'granary:CreateRule',
  resource: 'domain',
  examples: [
    {
      title: 'One version of a package',
      input: { domain: 'team', rule: EXAMPLE_RULE },
      output: EXAMPLE,
    },
    {
      title: 'Nothing younger than a week, but for one version',
      input: { domain: 'team', repository: 'main', rule: EXAMPLE_AGE_RULE },
      output: { ...EXAMPLE, repository: 'main', rule: EXAMPLE_AGE_RULE },
    },
  ],
})

export const listRules = operation({
  name: 'ListRules',
  summary: 'Lists the curation rules of a domain.',
  method: 'GET',
  path: '/api/domains/{domain}/rules',
  input: inDomain,
  output: z.object({ rules: z.array(rule) }),
  action: 'granary:ListRules',
  resource: 'domain',
  examples: [{ title: 'A domain without rules', input: { domain: 'team' }, output: { rules: [] } }],
})

export const deleteRule = operation({
  name: 'DeleteRule',
  summary: 'Deletes a curation rule; what it held is offered again.',
  method: 'DELETE',
  path: '/api/domains/{domain}/rules/{rule}',
  input: {
    ...inDomain,
    rule: path(
      'rule',
      z
        .string()
        .min(1)
        .max(100)
        .regex(/^[\w-]+$/, 'must be the id of a rule'),
    ),
  },
  output: z.object({}),
  action: 'granary:DeleteRule',
  resource: 'domain',
  examples: [{ title: 'A rule', input: { domain: 'team', rule: EXAMPLE.id }, output: {} }],
})

const reserved = z
  .array(
    z.object({
      format,
      prefix: z
        .string()
        .min(1)
        .max(255)
        .regex(/^\S+$/, 'may have no white space')
        .describe('The start of names: `@acme/` for an npm scope, `acme-`.'),
    }),
  )
  .max(1000)
  .describe('Names that belong to the domain before their first publish: no upstream is asked for them.')

export const getReservedPrefixes = operation({
  name: 'GetReservedPrefixes',
  summary: 'Lists the prefixes of names that belong to a domain.',
  method: 'GET',
  path: '/api/domains/{domain}/reserved-prefixes',
  input: inDomain,
  output: z.object({ reserved }),
  action: 'granary:GetReservedPrefixes',
  resource: 'domain',
  examples: [
    {
      title: 'An npm scope',
      input: { domain: 'team' },
      output: { reserved: [{ format: 'npm', prefix: '@acme/' }] },
    },
  ],
})

export const putReservedPrefixes = operation({
  name: 'PutReservedPrefixes',
  summary: 'Replaces the prefixes of names that belong to a domain.',
  method: 'PUT',
  path: '/api/domains/{domain}/reserved-prefixes',
  input: { ...inDomain, reserved: body('reserved', reserved) },
  output: z.object({ reserved }),
  action: 'granary:PutReservedPrefixes',
  resource: 'domain',
  examples: [
    {
      title: 'An npm scope',
      input: { domain: 'team', reserved: [{ format: 'npm', prefix: '@acme/' }] },
      output: { reserved: [{ format: 'npm', prefix: '@acme/' }] },
    },
  ],
})
