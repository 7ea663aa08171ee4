import { describe, expect, it } from 'vitest'
import { allOperations, operations } from '../api/index.ts'
import { RegistryError, type ErrorCode } from '../registry/errors.ts'
import { renderManagementError } from './management-errors.ts'
import { parseInput } from './management-input.ts'
import { createRoutes } from './management-routes.ts'
import { allHandlers } from './management.ts'

describe('the handlers', () => {
  it('are one for each operation', () => {
    const handled = allHandlers.map(({ operation }) => operation.name)
    expect(handled.toSorted()).toEqual(allOperations.map(({ name }) => name).toSorted())
  })
})

describe('routes', () => {
  const match = createRoutes(allOperations)

  it.each([
    ['GET', '/v1/domain', 'DescribeDomain', {}],
    ['DELETE', '/v1/domain', 'DeleteDomain', {}],
    ['POST', '/v1/domain/repositories', 'ListRepositoriesInDomain', {}],
    ['GET', '/api/whoami', 'WhoAmI', {}],
    ['GET', '/api/openapi.json', 'OpenAPI', {}],
    ['POST', '/', 'STS', {}],
    ['DELETE', '/api/connections/public:npmjs', 'DeleteConnection', { connection: 'public:npmjs' }],
    ['DELETE', '/api/connections/public%3Anpmjs', 'DeleteConnection', { connection: 'public:npmjs' }],
    [
      'PUT',
      '/api/accounts/111122223333/users/a%40b/policies/read',
      'AttachUserPolicy',
      { account: '111122223333', user: 'a@b', policy: 'read' },
    ],
  ])('lead %s %s to %s', (method, path, name, variables) => {
    expect(match(method, path)).toMatchObject({ name, variables })
  })

  it.each([
    ['GET', '/v1/domain/'],
    ['GET', '/v1//domain'],
    ['GET', '//v1/domain'],
    ['GET', '/V1/domain'],
    ['GET', '/v1/Domain'],
    ['GET', '/v1/%64omain'],
    ['get', '/v1/domain'],
    ['PATCH', '/v1/domain'],
    ['HEAD', '/api/openapi.json'],
    ['GET', '/api/openapi.json/'],
    ['GET', '/api/accounts//users'],
    ['DELETE', '/api/connections/'],
    ['DELETE', '/api/connections/%ff'],
    ['DELETE', '/api/connections/a/b'],
    ['GET', '/api/./whoami'],
    ['GET', '/'],
    ['HEAD', '/'],
    ['PUT', '/'],
    ['POST', '//'],
    ['POST', '/.'],
    ['GET', ''],
  ])('lead %s %s nowhere', (method, path) => {
    expect(match(method, path)).toBeUndefined()
  })

  it('say how each is signed and answered', () => {
    expect(match('GET', '/v1/domain')).toMatchObject({ dialect: 'aws', service: 'codeartifact' })
    expect(match('GET', '/api/whoami')).toMatchObject({ dialect: 'granary', service: 'granary' })
    expect(match('POST', '/')).toMatchObject({ dialect: 'sts', service: 'sts' })
  })
})

describe('input', () => {
  const parse = (
    operation: keyof typeof operations,
    rawQuery: string,
    body: string | Uint8Array = '',
    variables: Record<string, string> = {},
  ) =>
    parseInput(operations[operation], {
      rawQuery,
      headers: {},
      variables,
      body: typeof body === 'string' ? Buffer.from(body) : body,
    })

  it('is gathered from where its members travel', () => {
    const query = 'domain=team&repository=main&domain-owner=111122223333&unknown=1&unknown=2'
    expect(
      parse('createRepository', query, '{"upstreams":[{"repositoryName":"store"}],"description":"","what":1}'),
    ).toEqual({
      domain: 'team',
      repository: 'main',
      domainOwner: '111122223333',
      upstreams: [{ repositoryName: 'store' }],
      description: '',
    })
    expect(parse('createUser', '', '{"name":"bob"}', { account: '111122223333' })).toEqual({
      account: '111122223333',
      user: 'bob',
    })
  })

  it.each([
    ['a space as + or %20', 'listEvents', 'after=a+b%20c', '', { after: 'a b c' }],
    ['whole numbers', 'listEvents', 'limit=7', '', { limit: 7 }],
    ['no body', 'listDomains', '', '', {}],
    ['null for what is left out', 'listDomains', '', '{"maxResults":null,"nextToken":null}', {}],
    ['any body where none is read', 'listAccounts', '', 'not JSON', {}],
    ['no member of a prototype', 'listDomains', '', '{"__proto__":{"maxResults":5}}', {}],
  ] as const)('may have %s', (_, operation, query, body, expected) => {
    expect(parse(operation, query, body)).toEqual(expected)
  })

  it.each([
    ['a missing member', 'describeDomain', '', '', 'domain is missing'],
    ['a repeated member', 'describeDomain', 'domain=a1&domain=a1', '', 'domain is given 2 times'],
    ['a bad name', 'describeDomain', 'domain=UP', '', /^domain: must be a domain name/],
    ['several problems', 'describeRepository', 'domain=UP', '', /^domain: must .*; repository is missing$/],
    ['text for a number', 'listEvents', 'limit=1e2', '', /^limit: /],
    ['a fraction', 'listEvents', 'limit=1.5', '', /^limit: /],
    ['an empty number', 'listEvents', 'limit=', '', /^limit: /],
    ['too large a number', 'listEvents', 'limit=1001', '', /^limit: /],
    [
      'a name inside',
      'updateRepository',
      'domain=a1&repository=r1',
      '{"upstreams":[{}]}',
      /^upstreams\.0\.repositoryName: /,
    ],
    ['text for a list', 'updateRepository', 'domain=a1&repository=r1', '{"upstreams":"x"}', /^upstreams: /],
    [
      'control characters',
      'updateRepository',
      'domain=a1&repository=r1',
      '{"description":"\\u0000"}',
      /control characters/,
    ],
  ] as const)('is refused with %s', (_, operation, query, body, message) => {
    expect(() => parse(operation, query, body)).toThrow(
      expect.objectContaining({
        code: 'invalid',
        details: { reason: 'FIELD_VALIDATION_FAILED' },
        message: expect.stringMatching(message),
      }),
    )
  })

  it.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['no object', '"text"'],
    ['not UTF-8', Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)],
  ])('is refused with a body that is %s', (_, body) => {
    expect(() => parse('listDomains', '', body)).toThrow(
      expect.objectContaining({ code: 'invalid', details: expect.objectContaining({ reason: 'CANNOT_PARSE' }) }),
    )
  })
})

describe('errors', () => {
  it.each<[ErrorCode, number, string]>([
    ['invalid', 400, 'ValidationException'],
    ['unauthenticated', 403, 'UnrecognizedClientException'],
    ['quota', 402, 'ServiceQuotaExceededException'],
    ['forbidden', 403, 'AccessDeniedException'],
    ['not_found', 404, 'ResourceNotFoundException'],
    ['conflict', 409, 'ConflictException'],
    ['throttled', 429, 'ThrottlingException'],
    ['busy', 503, 'InternalServerException'],
    ['disk_full', 507, 'InternalServerException'],
  ])('of code %s are %i %s in the manner of AWS', (code, status, name) => {
    const { headers, body, ...rest } = renderManagementError('aws', new RegistryError(code, 'why'))
    expect(rest).toEqual({ status })
    expect(headers).toMatchObject({ 'x-amzn-errortype': name, 'content-type': 'application/json' })
    expect(JSON.parse(body)).toMatchObject({ __type: name, message: 'why' })
  })

  it('have the members that CodeArtifact gives them', () => {
    const missing = new RegistryError('not_found', 'why', { resourceType: 'repository', resourceId: 'main' })
    expect(JSON.parse(renderManagementError('aws', missing).body)).toEqual({
      __type: 'ResourceNotFoundException',
      message: 'why',
      resourceType: 'repository',
      resourceId: 'main',
    })
    const invalid = renderManagementError('aws', new RegistryError('invalid', 'why', { reason: 'CANNOT_PARSE' }))
    expect(JSON.parse(invalid.body)).toMatchObject({ reason: 'CANNOT_PARSE' })
    const named = new RegistryError('unauthenticated', 'why', { awsCode: 'InvalidSignatureException' })
    expect(renderManagementError('aws', named)).toMatchObject({
      status: 403,
      headers: { 'x-amzn-errortype': 'InvalidSignatureException' },
    })
    const slowDown = new RegistryError('throttled', 'why', { retryAfter: 2.1 })
    expect(renderManagementError('aws', slowDown).headers).toMatchObject({ 'retry-after': '3' })
  })

  it('have their code and status on /api', () => {
    const { status, headers, body } = renderManagementError('granary', new RegistryError('unauthenticated', 'why'))
    expect({ status, body: JSON.parse(body) }).toEqual({
      status: 401,
      body: { error: { code: 'unauthenticated', message: 'why' } },
    })
    expect(headers).toMatchObject({ 'www-authenticate': 'Bearer realm="granary"' })
  })

  it('are XML in the manner of STS', () => {
    const { status, headers, body } = renderManagementError('sts', new RegistryError('forbidden', 'why <not>'), 'id-1')
    expect({ status, type: headers['content-type'] }).toEqual({ status: 403, type: 'text/xml' })
    expect(body).toContain('<Code>AccessDenied</Code><Message>why &lt;not&gt;</Message>')
    expect(body).toContain('<RequestId>id-1</RequestId>')
  })

  it.each(['aws', 'sts', 'granary'] as const)('that are bugs tell nothing (%s)', (dialect) => {
    const { status, body } = renderManagementError(dialect, new Error('the secret'))
    expect(status).toBe(500)
    expect(body).not.toContain('secret')
  })
})
