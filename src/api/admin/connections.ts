import { z } from 'zod'
import { body, operation, path } from '../operation.ts'
import { connectionName, format } from '../shapes.ts'

const url = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2000)
  .describe("npm: the registry's root. PyPI: the root of its simple API.")

const origin = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .max(2000)
  .describe('`https://files.example`: scheme, host and port only.')

const connection = z.object({
  name: connectionName,
  format,
  url,
  fileOrigins: z.array(origin),
  hasCredentials: z.boolean(),
  builtIn: z.boolean(),
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

const EXAMPLE = {
  name: 'private:partner',
  format: 'npm',
  url: 'https://npm.partner.example/',
  fileOrigins: [],
  hasCredentials: true,
  builtIn: false,
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
      },
      output: EXAMPLE,
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
