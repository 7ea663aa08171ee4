import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { operations } from '../api/index.ts'
import { openClient, writeRequest } from './client.ts'

describe('requests', () => {
  it('carry each member where its operation says', () => {
    const input = {
      domain: 'team',
      domainOwner: undefined,
      repository: 'main',
      description: 'a b+c',
      upstreams: [{ repositoryName: 'store' }],
    }
    expect(writeRequest(operations.createRepository, input)).toEqual({
      method: 'POST',
      target: '/v1/repository?domain=team&repository=main',
      headers: { 'content-type': 'application/json' },
      body: '{"description":"a b+c","upstreams":[{"repositoryName":"store"}]}',
    })
    expect(writeRequest(operations.listEvents, { after: 'a b+c/é', limit: 5 })).toEqual({
      method: 'GET',
      target: '/api/events?after=a%20b%2Bc%2F%C3%A9&limit=5',
      headers: {},
      body: null,
    })
    const policy = { account: '111122223333', user: 'a/b@c', policy: 'p', preset: 'reader' }
    expect(writeRequest(operations.attachUserPolicy, policy)).toMatchObject({
      target: '/api/accounts/111122223333/users/a%2Fb%40c/policies/p',
      body: '{"preset":"reader"}',
    })
  })
})

describe('a server that is none', () => {
  const ask = (url: string) =>
    openClient({ url, region: 'us-east-1', credentials: { kind: 'token', token: 't' } }).call(operations.whoAmI, {})

  it('is named where nothing listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    await expect(ask(`http://127.0.0.1:${port}/`)).rejects.toThrow(
      `http://127.0.0.1:${port} cannot be reached: nothing listens there. Is \`granary serve\` running?`,
    )
  })

  it.each([
    ['answers with a page', 200, {}, '<html>', /answered 200 with something that is not JSON/],
    ['redirects, and so would get the token sent elsewhere', 307, { location: 'http://127.0.0.1:9/' }, '', /redirect/],
  ])('is told from one where it %s', async (_, status, headers, body, message) => {
    await using server = createServer((_request, response) => response.writeHead(status, headers).end(body)).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    await expect(ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).rejects.toThrow(message)
    server.closeAllConnections()
  })
})
