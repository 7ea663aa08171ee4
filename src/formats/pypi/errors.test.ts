import { describe, expect, it } from 'vitest'
import { RegistryError, type ErrorCode } from '../../registry/errors.ts'
import { renderError } from './errors.ts'

const UV_UPLOAD = 'application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7'
const render = (error: RegistryError, accept?: string) =>
  renderError(error, { headers: accept === undefined ? {} : { accept }, requestId: 'r-1' })

describe('errors', () => {
  it.each([
    ['conflict', 400],
    ['invalid', 400],
    ['unauthenticated', 401],
    ['held', 403],
    ['not_found', 404],
    ['not_acceptable', 406],
    ['too_large', 413],
    ['upstream_down', 502],
  ] satisfies [ErrorCode, number][])('%s is %i', (code, status) => {
    expect(render(new RegistryError(code, 'x')).status).toBe(status)
  })

  it('say what exists already where twine looks: reason phrase and body', () => {
    const message = `File already exists ("x-1.0.tar.gz", with blake2_256 hash 'ab').`
    const { reasonPhrase, body } = render(new RegistryError('conflict', message))
    expect(reasonPhrase).toBe(message)
    expect(JSON.parse(body)).toMatchObject({
      status: 400,
      title: 'Conflict',
      detail: message,
      message,
      code: `400 ${message}`,
    })
  })

  it('ask for credentials', () => {
    expect(render(new RegistryError('unauthenticated', 'Who are you?')).headers['www-authenticate']).toBe(
      'Basic realm="granary", error_description="Who are you?"',
    )
  })

  it('have a reason phrase of one printable line', () => {
    const { reasonPhrase } = render(new RegistryError('held', `a\r\nX-Injected: 1\tb\u0000c → é ${'x'.repeat(300)}`))
    expect(reasonPhrase).toMatch(/^a X-Injected: 1 b\?c \? é x+$/)
    expect(reasonPhrase).toHaveLength(200)
  })

  it.each([
    [undefined, 'application/problem+json'],
    ['*/*', 'application/problem+json'],
    ['application/vnd.pypi.simple.v1+json, text/html; q=0.01', 'application/problem+json'],
    [UV_UPLOAD, 'application/json'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/plain; charset=utf-8'],
  ])('come to %s as %s', (accept, type) => {
    const { headers, body } = render(new RegistryError('held', 'It is held back'), accept)
    expect(headers['content-type']).toBe(type)
    expect(body).toContain('It is held back')
  })

  it('say when to come back, and how large a file is', () => {
    expect(render(new RegistryError('busy', 'x', { retryAfter: 1.2 })).headers['retry-after']).toBe('2')
    expect(render(new RegistryError('range', 'x', { size: 7 })).headers['content-range']).toBe('bytes */7')
  })
})
