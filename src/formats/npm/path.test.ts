import { describe, expect, it } from 'vitest'
import { parseNpmName } from './name.ts'
import { parsePath } from './path.ts'

const hello = parseNpmName('hello')
const scoped = parseNpmName('@acme/hello')
const refusal = (raw: string, noName: 'invalid' | 'not_found' = 'not_found') => {
  try {
    return parsePath(raw, noName).at
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('paths', () => {
  it.each([
    ['/hello', { at: 'package', name: hello }],
    ['//hello/', { at: 'package', name: hello }],
    ['/@acme%2fhello', { at: 'package', name: scoped }],
    ['/@acme%2Fhello', { at: 'package', name: scoped }],
    ['/@acme/hello', { at: 'package', name: scoped }],
    ['//@acme//hello', { at: 'package', name: scoped }],
    ['/%40acme%2fhello', { at: 'package', name: scoped }],
    ['/hello/1.0.0', { at: 'version', name: hello, version: '1.0.0' }],
    ['/hello/-rev/1-abc', { at: 'revision', name: hello }],
    ['/@acme/hello/-/hello-1.0.0.tgz/-rev/1-abc', { at: 'revision', name: scoped }],
    ['/hello/1.0.0%2Bbuild', { at: 'version', name: hello, version: '1.0.0+build' }],
    ['/@acme%2fhello/latest', { at: 'version', name: scoped, version: 'latest' }],
    ['/@acme/hello/latest', { at: 'version', name: scoped, version: 'latest' }],
    ['/hello/-/hello-1.0.0.tgz', { at: 'tarball', name: hello, file: 'hello-1.0.0.tgz' }],
    ['/@acme/hello/-/hello-1.0.0.tgz', { at: 'tarball', name: scoped, file: 'hello-1.0.0.tgz' }],
    ['/@acme%2fhello/-/hello-1.0.0.tgz', { at: 'tarball', name: scoped, file: 'hello-1.0.0.tgz' }],
    ['/@acme/hello/-/@acme/hello-1.0.0.tgz', { at: 'tarball', name: scoped, file: 'hello-1.0.0.tgz' }],
    ['/@acme%2fhello/-/@acme%2fhello-1.0.0.tgz', { at: 'tarball', name: scoped, file: 'hello-1.0.0.tgz' }],
    ['/-/ping', { at: 'ping' }],
    ['/-/whoami', { at: 'whoami' }],
    ['/-/package/hello/dist-tags', { at: 'dist-tags', name: hello }],
    ['/-/package/@acme%2fhello/dist-tags', { at: 'dist-tags', name: scoped }],
    ['/-/package/@acme/hello/dist-tags/beta', { at: 'dist-tag', name: scoped, tag: 'beta' }],
    ['/-/npm/v1/keys', { at: 'keys' }],
    ['/-/npm/v1/security/advisories/bulk', { at: 'advisories' }],
    ['/-/npm/v1/attestations/hello@1.0.0', { at: 'attestations', name: hello, version: '1.0.0' }],
    ['/-/npm/v1/attestations/@acme%2fhello@1.0.0', { at: 'attestations', name: scoped, version: '1.0.0' }],
    ['/-/npm/v1/attestations/@acme/hello@1.0.0+b', { at: 'attestations', name: scoped, version: '1.0.0+b' }],
    ['/npm/local/main/-/npm/v1/attestations/hello@1.0.0', { at: 'attestations', name: hello, version: '1.0.0' }],
    ['/npm/1.0.0', { at: 'version', name: parseNpmName('npm'), version: '1.0.0' }],
    ['/constructor', { at: 'package', name: parseNpmName('constructor') }],
  ])('%s', (raw, place) => {
    expect(parsePath(raw, 'not_found')).toEqual(place)
  })

  it.each([
    '/@acme%252fhello',
    '/%2F%2F%2F..%2F..%2F..%2Fetc%2Fpasswd',
    '/..%2f..%2fetc',
    '/%2e%2e/hello',
    '/../hello',
    '/hello/-/..%2f..%2fother%2f-%2fother-1.0.0.tgz',
    '/hello/-/%2e%2e/other-1.0.0.tgz',
    '/hello/./1.0.0',
    '/hello%00',
    '/hello/1.0.0%0d%0aX-Injected:1',
    '/%c0%ae',
    '/%ff',
    '/%',
    '/hello%5c..',
    '/hello/1.0%2f0',
    `/hello/1.0.0-${'a'.repeat(256)}`,
  ])('%s is refused', (raw) => {
    expect(refusal(raw)).toBe('invalid')
  })

  it.each([
    '/',
    '/@acme',
    '/@acme/',
    '/-/v1/search',
    '/-/unknown',
    '/-/package/hello',
    '/-/package/hello/dist-tags/a/b',
    '/hello/-',
    '/hello/-/a/b.tgz',
    '/hello/-/@acme/hello-1.0.0.tgz',
    '/@acme/hello/-/@other/hello-1.0.0.tgz',
    '/hello/1.0.0/more',
  ])('%s leads nowhere', (raw) => {
    expect(refusal(raw)).toBe('not_found')
  })

  it.each(['/__proto__', '/.hidden', '/_x', '/hello;x=1', '/%20', '/@a/.b', `/${'a'.repeat(215)}`])(
    '%s is nothing to a reader and an error to a publisher',
    (raw) => {
      expect(refusal(raw, 'not_found')).toBe('not_found')
      expect(refusal(raw, 'invalid')).toBe('invalid')
    },
  )

  it('reads long paths at once', () => {
    const started = performance.now()
    for (const part of ['a', '%2f', '/', '.', '@', '%25'])
      expect(refusal(`/${part.repeat(20_000)}`)).toMatch(/invalid|not_found/)
    expect(performance.now() - started).toBeLessThan(500)
  })
})
