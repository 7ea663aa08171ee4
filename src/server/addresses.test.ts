import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createAddresses } from './addresses.ts'

const URLS = ['https://packages.example', 'http://127.0.0.1:8787', 'https://other.example:8443']
const request = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage

describe('the address in answers', () => {
  const addresses = createAddresses(URLS, ['10.0.0.0/8'])
  it.each([
    ['packages.example', 'https://packages.example'],
    ['PACKAGES.example', 'https://packages.example'],
    ['127.0.0.1:8787', 'http://127.0.0.1:8787'],
    ['other.example:8443', 'https://other.example:8443'],
    ['other.example', 'https://packages.example'],
    ['evil.example', 'https://packages.example'],
    ['', 'https://packages.example'],
  ])('for Host %s is %s', (host, expected) => {
    expect(addresses.originOf(request('203.0.113.9', { host }))).toBe(expected)
    expect(addresses.originFor(host)).toBe(expected)
  })

  it('without a Host is the first', () => {
    expect(addresses.originOf(request('203.0.113.9'))).toBe('https://packages.example')
  })

  it.each([
    ['203.0.113.9', 'other.example:8443', 'http://127.0.0.1:8787'],
    ['10.1.2.3', 'other.example:8443', 'https://other.example:8443'],
    ['::ffff:10.1.2.3', 'other.example:8443', 'https://other.example:8443'],
    ['10.1.2.3', 'other.example:8443, inner.example', 'https://other.example:8443'],
    ['10.1.2.3', 'evil.example', 'https://packages.example'],
  ])('from %s with X-Forwarded-Host %s is %s', (peer, forwarded, expected) => {
    const headers = { host: '127.0.0.1:8787', 'x-forwarded-host': forwarded }
    expect(addresses.originOf(request(peer, headers))).toBe(expected)
  })

  it('is the first of two for one host', () => {
    const both = createAddresses(['https://a.example', 'http://a.example'], [])
    expect(both.originFor('a.example')).toBe('https://a.example')
    expect(both.hosts).toEqual(['a.example'])
  })
})

describe('who asks', () => {
  const addresses = createAddresses(URLS, ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'])
  it.each([
    // Nobody believes a stranger.
    ['203.0.113.9', '127.0.0.1', '203.0.113.9'],
    ['203.0.113.9', undefined, '203.0.113.9'],
    ['::ffff:203.0.113.9', undefined, '203.0.113.9'],
    ['2001:DB9:0::1', undefined, '2001:db9::1'],
    [undefined, undefined, 'unknown'],
    // A zone is the name of an interface of this machine; policies name addresses.
    ['fe80::1%eth0', undefined, 'fe80::1'],
    ['10.1.2.3', '010.0.0.1', '10.1.2.3'],
    // A proxy is believed for the hop that it saw itself.
    ['10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['192.0.2.7', '127.0.0.1, 198.51.100.1', '198.51.100.1'],
    ['192.0.2.8', '198.51.100.1', '192.0.2.8'],
    ['2001:db8::5', '198.51.100.1', '198.51.100.1'],
    ['10.1.2.3', '198.51.100.1, 10.9.9.9', '198.51.100.1'],
    ['10.1.2.3', '10.0.0.5, 10.9.9.9', '10.0.0.5'],
    ['10.1.2.3', undefined, '10.1.2.3'],
    ['10.1.2.3', '', '10.1.2.3'],
    // Some write a port behind it: one client is one address all the same.
    ['10.1.2.3', '198.51.100.1:50123', '198.51.100.1'],
    ['10.1.2.3', '[2001:db9::1]:443', '2001:db9::1'],
    ['10.1.2.3', '::ffff:198.51.100.1', '198.51.100.1'],
    // What is no address is nobody's, and hides nobody.
    ['10.1.2.3', 'unknown', '10.1.2.3'],
    ['10.1.2.3', '198.51.100.1, unknown', '10.1.2.3'],
  ])('peer %s, X-Forwarded-For %s: %s', (peer, forwarded, expected) => {
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    expect(addresses.peerOf(request(peer, headers))).toBe(expected)
  })

  it('is read rightly however many there were before', () => {
    const peers = Array.from({ length: 2_500 }, (_, at) => `10.2.${at >> 8}.${at & 255}`)
    const again = [...peers, ...peers].map((peer) => [peer, addresses.peerOf(request(`::ffff:${peer}`, {}))])
    expect(again.filter(([peer, read]) => peer !== read)).toEqual([])
    expect(addresses.peerOf(request('nowhere', {}))).toBe('unknown')
  })
})
