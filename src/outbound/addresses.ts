import ipaddr from 'ipaddr.js'

/**
 * public: anybody's. private: reaches this machine, its network, or a range with a special purpose. never: link-local and
 * cloud metadata, which no setting opens.
 */
export type Reach = 'public' | 'private' | 'never'

type Address = ipaddr.IPv4 | ipaddr.IPv6

// The metadata service of AWS over IPv6 lies in a unique-local range, beside link-local 169.254.169.254.
const NEVER = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'].map((cidr) => ipaddr.parseCIDR(cidr))
// Only this range of IPv6 is handed out as global unicast (RFC 4291, IANA); everything else has a special purpose.
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** The IPv4 address that an IPv6 address is another spelling of, or a way to. */
function embeddedV4(address: ipaddr.IPv6): ipaddr.IPv4 | null {
  const bytes = address.toByteArray()
  const startsWith = (...prefix: number[]) => prefix.every((byte, index) => bytes[index] === byte)
  const v4At = (offset: number) => new ipaddr.IPv4(bytes.slice(offset, offset + 4))
  const zeros = (count: number) => Array.from({ length: count }, () => 0)
  if (startsWith(...zeros(10), 0xff, 0xff)) return v4At(12) // ::ffff:a.b.c.d, RFC 4291
  if (startsWith(...zeros(8), 0xff, 0xff, 0, 0)) return v4At(12) // ::ffff:0:a.b.c.d, RFC 2765
  if (startsWith(0x00, 0x64, 0xff, 0x9b)) return v4At(12) // 64:ff9b::/96 and 64:ff9b:1::/48, NAT64, RFC 6052 and 8215
  if (startsWith(0x20, 0x02)) return v4At(2) // 2002::/16, 6to4, RFC 3056
  if (startsWith(...zeros(12)) && (bytes[12] !== 0 || bytes[13] !== 0)) return v4At(12) // ::a.b.c.d, deprecated, RFC 4291
  return null
}

const within = (address: Address, [base, bits]: [Address, number]): boolean =>
  address.kind() === base.kind() && (address as ipaddr.IPv6).match(base as ipaddr.IPv6, bits)

export function reachOf(text: string): Reach {
  if (!ipaddr.isValid(text)) return 'never'
  const address = ipaddr.parse(text)
  const embedded = address instanceof ipaddr.IPv6 ? embeddedV4(address) : null
  const spellings = embedded ? [address, embedded] : [address]
  if (spellings.some((spelling) => NEVER.some((range) => within(spelling, range)))) return 'never'
  if (address instanceof ipaddr.IPv6) {
    // A mapped or translated address is refused even where the IPv4 address is public: no resolver needs to give one.
    const isGlobal = !embedded && within(address, GLOBAL_UNICAST) && address.range() === 'unicast'
    return isGlobal ? 'public' : 'private'
  }
  return address.range() === 'unicast' ? 'public' : 'private'
}

/** What the operator permits besides public addresses. */
export type AllowList = {
  readonly everything: boolean
  readonly hosts: ReadonlySet<string>
  readonly ranges: readonly [Address, number][]
}

/** `list`: host names, addresses and CIDRs, or true for all that can be permitted. Throws a plain Error on an entry that is none. */
export function parseAllowList(list: readonly string[] | true): AllowList {
  if (list === true) return { everything: true, hosts: new Set(), ranges: [] }
  const hosts = new Set<string>()
  const ranges: [Address, number][] = []
  for (const entry of list.map((text) => text.trim().toLowerCase()).filter((text) => text !== '')) {
    const bare = entry.replace(/^\[(.*)\]$/, '$1')
    if (ipaddr.isValidCIDR(bare)) ranges.push(ipaddr.parseCIDR(bare))
    else if (ipaddr.isValid(bare)) ranges.push([ipaddr.parse(bare), bare.includes(':') ? 128 : 32])
    else if (/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/.test(bare)) hosts.add(bare)
    else throw new Error(`${JSON.stringify(entry)} is not a host name, an address or a CIDR`)
  }
  return { everything: false, hosts, ranges }
}

/** Whether a connection to `address` may be made for a URL that says `host`. */
export function mayConnect(address: string, host: string, allowed: AllowList): boolean {
  const reach = reachOf(address)
  if (reach !== 'private') return reach === 'public'
  if (allowed.everything || allowed.hosts.has(host.toLowerCase())) return true
  const parsed = ipaddr.parse(address)
  const embedded = parsed instanceof ipaddr.IPv6 ? embeddedV4(parsed) : null
  return allowed.ranges.some((range) => within(parsed, range) || (embedded !== null && within(embedded, range)))
}
