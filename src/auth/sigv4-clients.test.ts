import { execFile, spawnSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verifySigV4, type ReceivedRequest } from './sigv4.ts'

// The real AWS CLI signs; what arrives on the wire is verified.

const KEY_ID = 'AKIA2345672345672345'
const SECRET = 'aSecretThatOnlyTheTestKnows0123456789abc'
const missing = spawnSync('aws', ['--version']).error !== undefined
if (missing && process.env['GRANARY_TEST_REQUIRE'] === 'all')
  throw new Error('The AWS CLI (aws) is required and missing')

let server: Server
const received: ReceivedRequest[] = []

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const body: Buffer[] = []
    for await (const chunk of request) body.push(chunk as Buffer)
    const [rawPath = '', rawQuery = ''] = (request.url ?? '').split(/\?(.*)/s)
    const pairs = request.rawHeaders
    const headers = pairs.flatMap((name, index) => (index % 2 === 0 ? [[name, pairs[index + 1] ?? ''] as const] : []))
    received.push({ method: request.method ?? '', rawPath, rawQuery, headers, body: Buffer.concat(body) })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

async function aws(...args: string[]): Promise<ReceivedRequest> {
  received.length = 0
  const { port } = server.address() as AddressInfo
  // Its parser of answers is not what is tried here: what matters went over the wire before.
  await promisify(execFile)(
    'aws',
    [...args, '--endpoint-url', `http://127.0.0.1:${port}`, '--region', 'eu-central-1'],
    {
      timeout: 50_000,
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_MAX_ATTEMPTS: '1',
        AWS_ACCESS_KEY_ID: KEY_ID,
        AWS_SECRET_ACCESS_KEY: SECRET,
      },
    },
  ).catch((error: unknown) => {
    if (received.length === 0) throw error
  })
  expect(received).toHaveLength(1)
  return received[0] as ReceivedRequest
}

const verify = (request: ReceivedRequest, service: string, secret = SECRET) =>
  verifySigV4({
    ...request,
    service,
    hosts: [],
    now: Date.now(),
    findSecret: async (id) => (id === KEY_ID ? { secret, caller: 'bob' } : undefined),
  })

describe.skipIf(missing)('what the AWS CLI signs', () => {
  it.each<[string, string, string[], (request: ReceivedRequest) => unknown, unknown]>([
    [
      'a POST without parameters',
      'codeartifact',
      ['codeartifact', 'list-domains'],
      ({ method, rawPath }) => [method, rawPath],
      ['POST', '/v1/domains'],
    ],
    [
      'odd characters in the query',
      'codeartifact',
      [
        'codeartifact',
        'list-packages',
        '--domain',
        'local',
        '--repository',
        'main',
        '--package-prefix',
        "a+b c/@ü~%2F&=?#*!'()",
      ],
      ({ rawQuery }) => new URLSearchParams(rawQuery).get('package-prefix'),
      "a+b c/@ü~%2F&=?#*!'()",
    ],
    [
      'a JSON body',
      'codeartifact',
      ['codeartifact', 'create-domain', '--domain', 'local', '--tags', 'key=a,value=ü'],
      ({ body }) => Buffer.from(body as Uint8Array).toString(),
      expect.stringContaining('"tags"'),
    ],
    [
      'a form body',
      'sts',
      ['sts', 'get-caller-identity'],
      ({ body }) => Buffer.from(body as Uint8Array).toString(),
      'Action=GetCallerIdentity&Version=2011-06-15',
    ],
  ])(
    '%s',
    async (_, service, args, look, sees) => {
      const request = await aws(...args)
      await expect(verify(request, service)).resolves.toMatchObject({ caller: 'bob' })
      await expect(verify(request, service, 'another secret')).rejects.toThrow(/does not match the signature/)
      expect(look(request)).toEqual(sees)
    },
    60_000,
  )
})
