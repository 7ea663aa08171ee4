import { describe, expect, it } from 'vitest'
import { RegistryError, STATUS, type ErrorCode } from '../../registry/errors.ts'
import { renderError } from './errors.ts'

const REQUEST = { headers: {} }

describe("npm's errors", () => {
  it.each(Object.keys(STATUS) as ErrorCode[])('%s is JSON that says what went wrong', (code) => {
    const { status, headers, body } = renderError(new RegistryError(code, 'it went wrong'), REQUEST)
    expect(status).toBe(STATUS[code])
    expect(headers['content-type']).toBe('application/json')
    expect(JSON.parse(body)).toEqual({ error: 'it went wrong', message: 'it went wrong' })
  })

  it('asks for a token without asking for a one-time password', () => {
    const { headers, body } = renderError(new RegistryError('unauthenticated', 'A token is needed'), REQUEST)
    expect(headers['www-authenticate']).toBe('Bearer realm="granary", Basic realm="granary"')
    expect(headers['www-authenticate'] + body).not.toMatch(/otp|ipaddress|one-time pass/i)
  })

  it('says when to try again', () => {
    expect(renderError(new RegistryError('busy', 'busy', { retryAfter: 2.2 }), REQUEST).headers['retry-after']).toBe(
      '3',
    )
  })

  it('tells people why a version is held, in one line that a header can carry', () => {
    const { headers } = renderError(
      new RegistryError('held', `too young — wait\r\nX-Injected: 1 ${'é'.repeat(300)}`),
      REQUEST,
    )
    const notice = headers['npm-notice'] ?? ''
    expect(notice).toMatch(/^too young \? wait X-Injected: 1 é+\.\.\.$/)
    expect(notice).toHaveLength(200)
  })

  it.each([
    { code: 'held', client: 'pnpm/10.34.9 npm/? node/v24.0.0', reasonPhrase: 'it is too young' },
    { code: 'forbidden', client: undefined, reasonPhrase: 'it is too young' },
    { code: 'held', client: 'npm/11.21.2 node/v24.0.0', reasonPhrase: undefined },
    { code: 'not_found', client: 'pnpm/10.34.9', reasonPhrase: undefined },
  ] as const)('says it in the reason phrase to clients that print that alone: $code, $client', (given) => {
    const headers = given.client === undefined ? {} : { 'user-agent': given.client }
    expect(renderError(new RegistryError(given.code, 'it is too young'), { headers }).reasonPhrase).toBe(
      given.reasonPhrase,
    )
  })
})
