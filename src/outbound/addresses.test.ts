import { describe, expect, it } from 'vitest'
import { mayConnect, parseAllowList, reachOf } from './addresses.ts'

describe('reachOf', () => {
  it.each([
    ['93.184.215.14', 'public'],
    ['2606:4700::6810:84e5', 'public'],
    ['127.0.0.1', 'private'],
    ['127.255.255.254', 'private'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['0.0.0.0', 'private'],
    ['0.1.2.3', 'private'],
    ['192.0.0.8', 'private'],
    ['198.18.0.1', 'private'],
    ['198.19.255.255', 'private'],
    ['224.0.0.1', 'private'],
    ['240.0.0.1', 'private'],
    ['255.255.255.255', 'private'],
    ['::', 'private'],
    ['::1', 'private'],
    ['fc00::1', 'private'],
    ['fdff::1', 'private'],
    ['fec0::1', 'private'],
    ['ff02::1', 'private'],
    ['100::1', 'private'],
    ['2001:db8::1', 'private'],
    ['2001::1', 'private'],
    ['3fff::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:127.0.0.1', 'private'],
    ['::ffff:8.8.8.8', 'private'],
    ['::ffff:0:10.0.0.1', 'private'],
    ['::127.0.0.1', 'private'],
    ['2002:7f00:1::', 'private'],
    ['2002:808:808::', 'private'],
    ['64:ff9b::7f00:1', 'private'],
    ['64:ff9b::808:808', 'private'],
    ['64:ff9b:1::a00:1', 'private'],
    ['169.254.169.254', 'never'],
    ['fe80::1', 'never'],
    ['febf::1', 'never'],
    ['fd00:ec2::254', 'never'],
    ['::ffff:169.254.169.254', 'never'],
    ['::169.254.169.254', 'never'],
    ['2002:a9fe:a9fe::', 'never'],
    ['64:ff9b::a9fe:a9fe', 'never'],
    ['fe80::1%eth0', 'never'],
    ['not an address', 'never'],
  ])('%s is %s', (address, reach) => {
    expect(reachOf(address)).toBe(reach)
  })
})

describe('mayConnect', () => {
  it.each([
    ['a public address needs no permission', [], '8.8.8.8', 'dns.example', true],
    ['loopback does', [], '127.0.0.1', 'localhost', false],
    ['a CIDR permits what lies in it', ['10.1.0.0/16'], '10.1.2.3', 'registry.corp.example', true],
    ['and nothing beside', ['10.1.0.0/16'], '10.2.0.1', 'registry.corp.example', false],
    ['a CIDR of IPv4 permits the mapped spelling', ['10.1.0.0/16'], '::ffff:10.1.2.3', 'registry.corp.example', true],
    ['an address permits itself', ['127.0.0.1'], '127.0.0.1', '127.0.0.1', true],
    ['an address permits no neighbour', ['127.0.0.1'], '127.0.0.2', '127.0.0.2', false],
    ['a host permits whatever it resolves to', ['registry.corp.example'], '10.9.9.9', 'Registry.corp.example', true],
    ['a host permits no other', ['registry.corp.example'], '10.9.9.9', 'other.corp.example', false],
    ['IPv6 in brackets is an address', ['[::1]'], '::1', '::1', true],
    ['true permits all that is private', true, 'fd12::1', 'x.example', true],
    ['true never permits link-local', true, '169.254.169.254', 'metadata.example', false],
    ['a CIDR never permits link-local', ['169.254.0.0/16', '0.0.0.0/0'], '169.254.169.254', 'metadata.example', false],
    ['a host never permits link-local', ['metadata.example'], 'fe80::1', 'metadata.example', false],
  ] as const)('%s', (_title, list, address, host, expected) => {
    expect(mayConnect(address, host, parseAllowList(list))).toBe(expected)
  })

  it.each(['http://registry.example', '10.0.0.0/40', 'a b', '*'])('%j is no entry of the list', (entry) => {
    expect(() => parseAllowList([entry])).toThrow(/is not a host name, an address or a CIDR/)
  })
})
