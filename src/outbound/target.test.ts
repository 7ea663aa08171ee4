import { describe, expect, it } from 'vitest'
import { isRedirect, redirectTarget } from './target.ts'

const from = new URL('https://registry.example/a/b?token=secret')

describe('redirectTarget', () => {
  it.each([
    ['https://files.example/x', 'https://files.example/x'],
    ['//files.example/x', 'https://files.example/x'],
    ['/x', 'https://registry.example/x'],
    ['c#fragment', 'https://registry.example/a/c'],
  ])('%s leads to %s', (location, expected) => {
    expect(redirectTarget(location, from, { url: from.href }, 0).href).toBe(expected)
  })

  it.each([
    ['http://registry.example/a/b', 'redirect'],
    ['http://files.example/x', 'redirect'],
    ['http://', 'redirect'],
    [undefined, 'redirect'],
    [['/x', '/y'], 'redirect'],
    ['file:///etc/passwd', 'protocol'],
    ['https://user:secret@files.example/', 'protocol'],
    ['https://other.example/', 'refused-address'],
  ])('%s is refused: %s', (location, code) => {
    const request = {
      url: from.href,
      allowedOrigins: [from.origin, 'https://files.example', 'http://registry.example', 'http://files.example'],
    }
    const follow = () => redirectTarget(location, from, request, 0)
    expect(follow).toThrow(expect.objectContaining({ name: 'OutboundError', code }))
    expect(follow).not.toThrow(/secret/)
  })

  it.each([
    [undefined, 5],
    [2, 2],
    [100, 10],
  ])('with a limit of %s it follows %i hops', (maxRedirects, limit) => {
    const request = { url: from.href, ...(maxRedirects !== undefined && { maxRedirects }) }
    expect(redirectTarget('/x', from, request, limit - 1).pathname).toBe('/x')
    expect(() => redirectTarget('/x', from, request, limit)).toThrow(`redirects more than ${limit} times`)
  })
})

it.each([
  [302, {}, true],
  [308, { method: 'HEAD' }, true],
  [302, { method: 'POST' }, false],
  [302, { maxRedirects: 0 }, false],
  [304, {}, false],
  [401, {}, false],
  [200, {}, false],
])('%i of %j is followed: %s', (status, request, expected) => {
  expect(isRedirect(status, request)).toBe(expected)
})
