import { createHash, createHmac } from 'node:crypto'
import { AwsV4Signer } from 'aws4fetch'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../registry/errors.ts'
import { canonicalRequest, type RawHeaders } from './canonical-request.ts'
import { verifySigV4, type ReceivedRequest } from './sigv4.ts'

type Verified = Parameters<typeof verifySigV4<string>>[0]

const KEY_ID = 'AKIDEXAMPLE'
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const NOW = Date.parse('2015-08-30T12:36:00Z')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const verify = (request: Partial<Verified>) =>
  verifySigV4({
    method: 'GET',
    rawPath: '/',
    rawQuery: '',
    headers: [],
    body: new Uint8Array(),
    service: 'codeartifact',
    hosts: [],
    now: NOW,
    findSecret: async (id) => (id === KEY_ID ? { secret: SECRET, caller: 'bob' } : undefined),
    ...request,
  })

// Signatures of AWS's published test suite for Signature Version 4 (service "service", region us-east-1, that key and time).
describe("AWS's own examples", () => {
  const example = (signedHeaders: string, signature: string, more: RawHeaders = []): RawHeaders => [
    ['Host', 'example.amazonaws.com'],
    ['X-Amz-Date', '20150830T123600Z'],
    ...more,
    [
      'Authorization',
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    ],
  ]
  it.each<[string, Partial<ReceivedRequest>]>([
    [
      'get-vanilla',
      { headers: example('host;x-amz-date', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31') },
    ],
    [
      'get-vanilla-query-order-key-case',
      {
        rawQuery: 'Param2=value2&Param1=value1',
        headers: example('host;x-amz-date', 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500'),
      },
    ],
    [
      'post-vanilla',
      {
        method: 'POST',
        headers: example('host;x-amz-date', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'),
      },
    ],
    [
      'get-header-value-order',
      {
        headers: example(
          'host;my-header1;x-amz-date',
          '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
          [
            ['My-Header1', 'value4'],
            ['My-Header1', 'value1'],
            ['My-Header1', 'value3'],
            ['My-Header1', 'value2'],
          ],
        ),
      },
    ],
  ])('%s', async (_, request) => {
    await expect(verify({ ...request, service: 'service' })).resolves.toMatchObject({ caller: 'bob' })
  })
})

type Signing = {
  url?: string
  method?: string
  body?: string
  headers?: Record<string, string>
  service?: string
  datetime?: string
  region?: string
  sessionToken?: string
  accessKeyId?: string
  secret?: string
}

/** As aws4fetch, a client that people use, sends it. */
async function sign({
  url = 'http://127.0.0.1:8787/v1/domains',
  method = 'GET',
  body,
  headers = {},
  service = 'codeartifact',
  datetime = '20150830T123600Z',
  region = 'eu-west-3',
  sessionToken,
  accessKeyId = KEY_ID,
  secret = SECRET,
}: Signing = {}): Promise<ReceivedRequest> {
  const signer = new AwsV4Signer({
    url,
    method,
    headers,
    accessKeyId,
    secretAccessKey: secret,
    service,
    region,
    datetime,
    ...(body !== undefined && { body }),
    ...(sessionToken !== undefined && { sessionToken }),
  })
  const signed = await signer.sign()
  const { pathname, search, host } = signed.url
  return {
    method,
    rawPath: pathname,
    rawQuery: search.slice(1),
    headers: [['host', host], ...signed.headers.entries()],
    body: Buffer.from(body ?? ''),
  }
}

describe('what aws4fetch signs', () => {
  it.each<[string, Signing]>([
    ['a listing', {}],
    ['a body', { method: 'POST', body: '{"domain":"ü"}', headers: { 'content-type': 'application/json' } }],
    ['a declared payload', { method: 'POST', body: 'x', headers: { 'x-amz-content-sha256': sha256('x') } }],
    ['a path to encode', { url: 'http://127.0.0.1/v1/a%20b/%40types%2Fnode/~x/(1)*!' }],
    ['slashes', { url: 'http://127.0.0.1//v1///x/' }],
    ['plus, blank, slash, at', { url: 'http://127.0.0.1/v1/x?a=b+c&d=e%20f&g=/@&h=%2B' }],
    ['repeated parameters', { url: 'http://127.0.0.1/v1/x?b=2&a=z&a=b&b=1&c' }],
    ['tilde, Unicode, brackets', { url: `http://127.0.0.1/v1/x?a=~&b=ü€😀&c=!*'()&d=%2F%25` }],
    ['a host name with a default port', { url: 'https://registry.example:443/v1/x' }],
    ['more headers', { headers: { 'x-amz-meta': '  a   b ', 'x-custom': 'c' } }],
  ])('%s', async (_, signing) => {
    await expect(verify(await sign(signing))).resolves.toMatchObject({ caller: 'bob' })
  })

  it('tells the hash of the body', async () => {
    await expect(verify(await sign({ method: 'POST', body: 'x' }))).resolves.toEqual({
      caller: 'bob',
      payloadSha256: sha256('x'),
    })
  })

  it('for a body that is still to come, with its declared hash', async () => {
    const request = await sign({ method: 'POST', body: 'x', headers: { 'x-amz-content-sha256': sha256('x') } })
    await expect(verify({ ...request, body: 'streamed' })).resolves.toEqual({
      caller: 'bob',
      payloadSha256: sha256('x'),
    })
    await expect(verify({ ...(await sign()), body: 'streamed' })).rejects.toThrow(/must be the SHA-256 of the body/)
  })

  it('behind a proxy that changed the host, by a configured public URL', async () => {
    const request = await sign({ url: 'https://registry.example/v1/x' })
    const headers = request.headers.map(([name, value]) => [name, name === 'host' ? '10.0.0.7:8787' : value] as const)
    await expect(verify({ ...request, headers })).rejects.toThrow(/does not match the signature/)
    await expect(verify({ ...request, headers, hosts: ['other.example', 'registry.example'] })).resolves.toMatchObject({
      caller: 'bob',
    })
  })

  it('hands the session token to whoever finds the secret', async () => {
    const seen: unknown[] = []
    const findSecret = async (id: string, token: string | null) => {
      seen.push(id, token)
      return { secret: SECRET, caller: 'bob' }
    }
    await verify({ ...(await sign({ sessionToken: 'session' })), findSecret })
    await verify({ ...(await sign()), findSecret })
    expect(seen).toEqual([KEY_ID, 'session', KEY_ID, null])
  })

  it.each([
    ['x-amz-date', 5 * 60_000, true],
    ['x-amz-date', 5 * 60_000 + 1, false],
    ['x-amz-date', -5 * 60_000, true],
    ['x-amz-date', -5 * 60_000 - 1, false],
  ])('%s off by %d ms', async (_, skew, accepted) => {
    const verified = verify({ ...(await sign()), now: NOW + skew })
    expect(
      await verified.then(
        () => true,
        () => false,
      ),
    ).toBe(accepted)
  })
})

describe('what is refused', () => {
  const set = (name: string, value: string | null) => (request: ReceivedRequest) => ({
    headers: [...request.headers.filter(([key]) => key !== name), ...(value === null ? [] : [[name, value] as const])],
  })
  const edit = (from: string | RegExp, to: string) => (request: ReceivedRequest) => ({
    headers: request.headers.map(
      ([name, value]) => [name, name === 'authorization' ? value.replace(from, to) : value] as const,
    ),
  })
  const WRONG = 'The request signature we calculated does not match the signature you provided.'
  type Change = (request: ReceivedRequest) => Partial<Verified>

  it.each<[string, Signing, Change, string, string]>([
    ['another method', {}, () => ({ method: 'DELETE' }), 'InvalidSignatureException', WRONG],
    ['another path', {}, () => ({ rawPath: '/v1/domain' }), 'InvalidSignatureException', WRONG],
    [
      'a path decoded on the way',
      { url: 'http://127.0.0.1/v1/a%2Fb' },
      () => ({ rawPath: '/v1/a/b' }),
      'InvalidSignatureException',
      WRONG,
    ],
    ['another query', {}, () => ({ rawQuery: 'domain=x' }), 'InvalidSignatureException', WRONG],
    [
      'another body',
      { method: 'POST', body: 'x' },
      () => ({ body: Buffer.from('y') }),
      'InvalidSignatureException',
      WRONG,
    ],
    [
      'another signed header',
      { headers: { 'x-custom': '1' } },
      set('x-custom', '2'),
      'InvalidSignatureException',
      WRONG,
    ],
    ['another host', {}, set('host', 'evil.example'), 'InvalidSignatureException', WRONG],
    ['another region', {}, edit('eu-west-3', 'us-east-1'), 'InvalidSignatureException', WRONG],
    ['another secret', { secret: 'x' }, () => ({}), 'InvalidSignatureException', WRONG],
    [
      'another secret, for STS',
      { secret: 'x', service: 'sts' },
      () => ({ service: 'sts' }),
      'SignatureDoesNotMatch',
      WRONG,
    ],
    [
      'a body that is not the declared one',
      { method: 'POST', body: 'x', headers: { 'x-amz-content-sha256': sha256('x') } },
      () => ({ body: Buffer.from('y') }),
      'InvalidSignatureException',
      'The body of the request is not the one that x-amz-content-sha256 declares.',
    ],
    [
      'an unknown key',
      { accessKeyId: 'AKIDOTHER' },
      () => ({}),
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    ],
    [
      'an unknown key, for STS',
      { accessKeyId: 'AKIDOTHER', service: 'sts' },
      () => ({ service: 'sts' }),
      'InvalidClientTokenId',
      'The security token included in the request is invalid.',
    ],
    [
      'another service',
      { service: 'sts' },
      () => ({}),
      'InvalidSignatureException',
      "Credential should be scoped to correct service: 'codeartifact'.",
    ],
    [
      'no signature',
      {},
      set('authorization', null),
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    ],
    [
      'two signatures',
      {},
      (request) => ({ headers: [...request.headers, ['Authorization', 'AWS4-HMAC-SHA256 x']] }),
      'IncompleteSignatureException',
      'more than once',
    ],
    [
      'another algorithm',
      {},
      edit('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'),
      'IncompleteSignatureException',
      'it does not start with AWS4-HMAC-SHA256',
    ],
    [
      'a credential without scope',
      {},
      edit(/Credential=[^,]+/, 'Credential=AKIDEXAMPLE'),
      'IncompleteSignatureException',
      'Credential must be',
    ],
    [
      'no signed headers',
      {},
      edit(/SignedHeaders=[^,]+/, 'X=y'),
      'IncompleteSignatureException',
      'SignedHeaders is missing',
    ],
    ['half a signature', {}, edit(/.{10}$/, ''), 'IncompleteSignatureException', 'Signature must have 64'],
    [
      'an unsigned payload',
      { method: 'POST', body: 'x', headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } },
      () => ({}),
      'IncompleteSignatureException',
      'unsigned and chunked payloads are not accepted',
    ],
    [
      'chunked payloads',
      { method: 'POST', body: 'x', headers: { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' } },
      () => ({}),
      'IncompleteSignatureException',
      'unsigned and chunked payloads are not accepted',
    ],
    [
      'an x-amz- header that is not signed',
      {},
      set('x-amz-target', 'x'),
      'InvalidSignatureException',
      "'x-amz-target' must be a 'SignedHeader'",
    ],
    ['the host not signed', {}, edit('host;', ''), 'InvalidSignatureException', "'host' must be a 'SignedHeader'"],
    [
      'the date not signed',
      {},
      edit(';x-amz-date', ''),
      'InvalidSignatureException',
      "'x-amz-date' must be a 'SignedHeader'",
    ],
    [
      'a signed header that is gone',
      { headers: { 'x-custom': '1' } },
      set('x-custom', null),
      'InvalidSignatureException',
      "The signed header 'x-custom' is not in the request.",
    ],
    [
      'two hosts',
      {},
      (request) => ({ headers: [...request.headers, ['Host', 'evil.example']] }),
      'IncompleteSignatureException',
      "The header 'host' is there more than once.",
    ],
    ['no date', {}, set('x-amz-date', null), 'IncompleteSignatureException', 'Date must be in ISO-8601'],
    [
      'a date that is none',
      {},
      set('x-amz-date', '20151330T123600Z'),
      'IncompleteSignatureException',
      'Date must be in ISO-8601',
    ],
    [
      'a date of yesterday',
      { datetime: '20150829T123600Z' },
      () => ({}),
      'RequestTimeTooSkewed',
      "Signature expired: the request is dated 20150829T123600Z, the server's time is 20150830T123600Z",
    ],
    [
      'a date of tomorrow',
      { datetime: '20150831T123600Z' },
      () => ({}),
      'RequestTimeTooSkewed',
      'Signature not yet current: the request is dated 20150831T123600Z',
    ],
    [
      'a scope of another day',
      {},
      edit('20150830', '20150829'),
      'InvalidSignatureException',
      "'20150829' != '20150830'",
    ],
    [
      'a presigned URL',
      {},
      () => ({ rawQuery: 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=x', headers: [] }),
      'IncompleteSignatureException',
      'Presigned URLs are not accepted here',
    ],
  ])('%s', async (_, signing, change, awsCode, message) => {
    const request = await sign(signing)
    const refused: unknown = await verify({ ...request, ...change(request) }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(RegistryError)
    expect(refused).toMatchObject({
      code: 'unauthenticated',
      details: { awsCode },
      message: expect.stringContaining(message),
    })
  })

  it('a Date header that stands for x-amz-date and is not signed', async () => {
    const request = await sign()
    const headers: RawHeaders = [...request.headers.filter(([name]) => name !== 'x-amz-date'), DATE]
    await expect(verify({ ...request, headers })).rejects.toThrow("'date' must be a 'SignedHeader'")
  })
})

const DATE = ['Date', 'Sun, 30 Aug 2015 12:36:00 GMT'] as const

it('takes the Date header where there is no x-amz-date', async () => {
  const canonical = canonicalRequest({
    method: 'GET',
    rawPath: '/',
    rawQuery: '',
    headers: [DATE, ['Host', 'a.example']],
    signedHeaders: ['date', 'host'],
    payloadSha256: sha256(''),
  })
  const scope = ['20150830', 'us-east-1', 'codeartifact', 'aws4_request']
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${SECRET}`)
  const signature = hmac(key, ['AWS4-HMAC-SHA256', '20150830T123600Z', scope.join('/'), sha256(canonical)].join('\n'))
  const authorization = `AWS4-HMAC-SHA256 Credential=${KEY_ID}/${scope.join('/')}, SignedHeaders=date;host, Signature=${signature.toString('hex')}`
  const headers: RawHeaders = [DATE, ['Host', 'a.example'], ['Authorization', authorization]]
  await expect(verify({ headers })).resolves.toMatchObject({ caller: 'bob' })
  await expect(
    verify({ headers: headers.map(([name, value]) => [name, value.replace('12:36', '12:35')]) }),
  ).rejects.toThrow(/does not match/)
})
