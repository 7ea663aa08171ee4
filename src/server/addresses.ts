import type { IncomingMessage } from 'node:http'
import ipaddr from 'ipaddr.js'

// Public addresses are configured, not believed (decision 12 of the design).

export type Addresses = {
  /** The configured origin that the request's Host names, else the first: `https://packages.example`. */
  originOf(request: IncomingMessage): string
  /** The same for a Host header's value. */
  originFor(host: string): string
  readonly origins: readonly string[]
  /** Hosts (with port where there is one) that a signature may have been made for, besides the one received. */
  readonly hosts: readonly string[]
  /** The peer's address; behind a trusted proxy the one that the proxy reports. */
  peerOf(request: IncomingMessage): string
}

/** Clients come back from the same address, and reading it takes up to 4 of the 40 µs of a warm request. */
const REMEMBERED = 1_000

export function createAddresses(publicUrls: readonly string[], trustedProxies: readonly string[]): Addresses {
  // Of two addresses with one host the first counts, as it does among all of them.
  const byHost = new Map(publicUrls.toReversed().map((origin) => [new URL(origin).host, origin]))
  const first = publicUrls[0] ?? 'http://127.0.0.1'
  const trusted = trustedProxies.map(parseRange)
  const isTrusted = (address: string) =>
    trusted.length > 0 && ipaddr.isValid(address) && trusted.some((range) => within(ipaddr.process(address), range))
  const peers = new Map<string, string>()
  const plainPeer = (address: string): string => {
    const known = peers.get(address)
    if (known !== undefined) return known
    if (peers.size >= REMEMBERED) peers.clear()
    const plain = plainAddress(address) ?? 'unknown'
    peers.set(address, plain)
    return plain
  }
  const originFor = (host: string | undefined) =>
    (host === undefined ? undefined : byHost.get(host.toLowerCase())) ?? first
  return {
    origins: publicUrls,
    originFor,
    hosts: [...new Set(publicUrls.map((origin) => new URL(origin).host))],
    originOf(request) {
      const forwarded = isTrusted(request.socket.remoteAddress ?? '') ? request.headers['x-forwarded-host'] : undefined
      return originFor(typeof forwarded === 'string' ? forwarded.split(',', 1)[0]?.trim() : request.headers.host)
    },
    peerOf(request) {
      const peer = plainPeer(request.socket.remoteAddress ?? '')
      const forwarded = request.headers['x-forwarded-for']
      if (typeof forwarded !== 'string' || !isTrusted(peer)) return peer
      // From the right: each entry was added by the hop before it, and the first that is no proxy of ours is the client.
      const hops = forwarded.split(',').map((hop) => plainAddress(hop.trim()))
      const client = hops.findLastIndex((hop) => hop === undefined || !isTrusted(hop))
      return (client < 0 ? hops[0] : hops[client]) ?? peer
    },
  }
}

/** In one spelling, as policies name it: without port and zone, and an IPv4 address of a socket for both as IPv4. undefined for what is none. */
function plainAddress(text: string): string | undefined {
  const [bare = ''] = (/^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]+):\d+$/.exec(text)?.[1] ?? text).split('%')
  const isOne = ipaddr.IPv4.isValidFourPartDecimal(bare) || ipaddr.IPv6.isValid(bare)
  return isOne ? ipaddr.process(bare).toString() : undefined
}

type AddressRange = [ipaddr.IPv4 | ipaddr.IPv6, number]

function parseRange(text: string): AddressRange {
  if (text.includes('/')) return ipaddr.parseCIDR(text)
  const address = ipaddr.parse(text)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

function within(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: AddressRange): boolean {
  return address.kind() === base.kind() && address.match(base as never, bits)
}
