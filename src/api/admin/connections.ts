import { z } from 'zod'
import { body, operation, path, query } from '../operation.ts'
import { connectionName, format } from '../shapes.ts'

const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2000)
  .describe("npm: the registry's root. PyPI: the root of its simple API.")

const origin = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2000)
  .describe('`https://files.example`: scheme, host and port only.')

const names = z
  .array(z.string().min(1).max(300))
  .max(200)
  .describe(
    'Packages of its format: a name (`left-pad`, `@acme/ui`), or the beginning of names that ends in `*` (`@acme/*`).',
  )
const TIMEOUT =
  'Milliseconds for one try: to send an index in full, and to begin to send a file. The usual: 10 s until an answer begins, 30 s in all.'
// A null in a request is taken for nothing at all, so that there is another way to say "none".
const timeout = z
  .int()
  .min(0)
  .max(300_000)
  .refine((ms) => ms === 0 || ms >= 100, 'must be 0 or at least 100')
  .describe(`${TIMEOUT} 0: the usual.`)
const limits = {
  enabled: z.boolean().describe('False: it is asked for nothing. What came from it stays, and is served.'),
  only: names.describe('It is asked for these packages and no others; empty: for all.'),
  except: names.describe('It is not asked for these.'),
}

const connection = z.object({
  name: connectionName,
  format,
  url,
  fileOrigins: z.array(origin),
  hasCredentials: z.boolean(),
  builtIn: z.boolean(),
  ...limits,
  timeoutMs: z.int().nullable().describe(`${TIMEOUT} null: the usual.`),
})

const secret = z
  .string()
  .min(1)
  .max(8192)
  .regex(/^[\x21-\x7e]+$/, 'may have printable ASCII only')
const credentials = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('bearer'), token: secret }),
    z.object({ type: z.literal('basic'), username: z.string().min(1).max(255), password: secret }),
  ])
  .describe('What the other registry wants. Stored sealed, sent to its origin only, never shown.')

const changedCredentials = z
  .discriminatedUnion('type', [...credentials.options, z.object({ type: z.literal('none') })])
  .describe('As they are given when it is made; `none` takes them away.')

const EXAMPLE = {
  name: 'private:partner',
  format: 'npm',
  url: 'https://npm.partner.example/',
  fileOrigins: [],
  hasCredentials: true,
  builtIn: false,
  enabled: true,
  timeoutMs: 10_000,
  only: ['@partner/*'],
  except: [],
} as const

export const createConnection = operation({
  name: 'CreateConnection',
  summary: 'Makes a connection to another registry, which repositories can then draw packages from.',
  method: 'POST',
  path: '/api/connections',
  input: {
    name: body('name', connectionName),
    format: body('format', format),
    url: body('url', url),
    fileOrigins: body(
      'fileOrigins',
      z.array(origin).max(20).optional().describe('Other origins at which its index may say that files are.'),
    ),
    credentials: body('credentials', credentials.optional()),
    enabled: body('enabled', limits.enabled.optional()),
    timeoutMs: body('timeoutMs', timeout.optional()),
    only: body('only', limits.only.optional()),
    except: body('except', limits.except.optional()),
  },
  output: connection,
  action: 'granary:CreateConnection',
  resource: 'installation',
  examples: [
    {
      title: 'A registry that wants a token',
      input: {
        name: 'private:partner',
        format: 'npm',
        url: 'https://npm.partner.example/',
        credentials: { type: 'bearer', token: 'their-token' },
        timeoutMs: 10_000,
        only: ['@partner/*'],
      },
      output: EXAMPLE,
    },
  ],
})

export const updateConnection = operation({
  name: 'UpdateConnection',
  summary: 'Changes a connection: what is given replaces what was, the rest stays.',
  description:
    'Where a built-in connection leads is for the configuration of the server to say. An address at another host needs the credentials anew.',
  method: 'PUT',
  path: '/api/connections/{connection}',
  input: {
    connection: path('connection', connectionName),
    url: body('url', url.optional()),
    fileOrigins: body('fileOrigins', z.array(origin).max(20).optional()),
    credentials: body('credentials', changedCredentials.optional()),
    enabled: body('enabled', limits.enabled.optional()),
    timeoutMs: body('timeoutMs', timeout.optional()),
    only: body('only', limits.only.optional()),
    except: body('except', limits.except.optional()),
  },
  output: connection,
  action: 'granary:UpdateConnection',
  resource: 'installation',
  examples: [
    {
      title: 'No longer asked for anything',
      input: { connection: 'private:partner', enabled: false },
      output: { ...EXAMPLE, enabled: false },
    },
  ],
})

const at = z.iso.datetime().nullable()
const originState = z.object({
  origin,
  state: z.enum(['closed', 'half-open', 'open']),
  since: at,
  until: at,
})
const health = z.object({
  name: connectionName,
  state: z
    .enum(['closed', 'half-open', 'open', 'disabled', 'offline'])
    .describe(
      'closed: requests go out. open: it failed, or asked to be left alone, and nothing is sent until `until`. half-open: the next request decides. disabled: the connection is; offline: the whole installation is.',
    ),
  since: at.describe('When it began to fail, or worked again; null where it never failed.'),
  until: at.describe('Nothing is sent before.'),
  troubled: z.array(originState).describe('Other origins, where its files are, that are not closed.'),
  lastSuccessAt: at.describe('Its last answer, whatever it said.'),
  lastFailure: z.object({ at: z.iso.datetime(), reason: z.string() }).nullable(),
  latencyMs: z.number().nullable().describe('What an index takes, the latest counting most.'),
  requests: z.object({ answered: z.int(), absent: z.int(), failed: z.int(), notSent: z.int() }),
})

export const describeConnections = operation({
  name: 'DescribeConnections',
  summary: 'Tells how the registries behind the connections are doing.',
  description:
    'As one process has seen it since it started: the one that answers, which `process` names. Where several serve an installation, each knows its own.',
  method: 'GET',
  path: '/api/connections/status',
  input: { connection: query('connection', connectionName.optional()) },
  output: z.object({
    process: z.object({ host: z.string(), pid: z.int(), startedAt: z.iso.datetime() }),
    connections: z.array(health),
  }),
  action: 'granary:ListConnections',
  resource: 'installation',
  examples: [
    {
      title: 'One that asked to be left alone',
      input: { connection: 'private:partner' },
      output: {
        process: { host: 'registry-1', pid: 4711, startedAt: '2026-11-20T08:00:00.000Z' },
        connections: [
          {
            name: 'private:partner',
            state: 'open',
            since: '2026-11-20T09:30:00.000Z',
            until: '2026-11-20T09:31:00.000Z',
            troubled: [],
            lastSuccessAt: '2026-11-20T09:29:58.000Z',
            lastFailure: { at: '2026-11-20T09:30:00.000Z', reason: '@partner/ui: status 429' },
            latencyMs: 84,
            requests: { answered: 310, absent: 4, failed: 1, notSent: 12 },
          },
        ],
      },
    },
  ],
})

export const listConnections = operation({
  name: 'ListConnections',
  summary: 'Lists the connections, without their credentials.',
  method: 'GET',
  path: '/api/connections',
  input: {},
  output: z.object({ connections: z.array(connection) }),
  action: 'granary:ListConnections',
  resource: 'caller',
  examples: [{ title: 'All connections', input: {}, output: { connections: [EXAMPLE] } }],
})

export const deleteConnection = operation({
  name: 'DeleteConnection',
  summary: 'Deletes a connection that no repository uses.',
  method: 'DELETE',
  path: '/api/connections/{connection}',
  input: { connection: path('connection', connectionName) },
  output: z.object({}),
  action: 'granary:DeleteConnection',
  resource: 'installation',
  examples: [{ title: 'A connection', input: { connection: 'private:partner' }, output: {} }],
})
