import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import { mayConnect, type AllowList } from './addresses.ts'
import { OutboundError } from './outbound-error.ts'

/** All addresses of a host name, as `dns.lookup` gives them. */
export type Resolve = (
  hostname: string,
  options: LookupOptions & { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** Nothing is resolved for a host that is written as an address, so it is judged before. Throws `refused-address`. */
export function refuseLiteral(hostname: string, allowed: AllowList): void {
  const host = bare(hostname)
  if (isIP(host) !== 0 && !mayConnect(host, host, allowed)) throw refused(host)
}

/**
 * Judges a host before anything is sent to it: throws `refused-address` where it has addresses and may be reached at none.
 * A name without addresses passes, for it may have one later; connecting judges again.
 */
export async function refuseHost(hostname: string, allowed: AllowList, resolve: Resolve = dnsLookup): Promise<void> {
  refuseLiteral(hostname, allowed)
  const host = bare(hostname)
  if (isIP(host) !== 0) return
  const addresses = await new Promise<readonly LookupAddress[]>((found) =>
    resolve(host, { all: true }, (error, list) => found(error ? [] : list)),
  )
  if (addresses.length > 0 && !addresses.some(({ address }) => mayConnect(address, host, allowed))) throw refused(host)
}

const refused = (hostname: string): OutboundError =>
  new OutboundError(
    'refused-address',
    `${hostname} is not a public address, and neither a connection nor the operator's list permits it`,
  )

/**
 * Opens sockets to permitted addresses only. The name is resolved once, and the socket is given the very addresses that
 * were checked: a name that answers differently the next time changes nothing.
 */
export function guardedConnector(
  allowed: AllowList,
  options: { connectTimeoutMs: number; resolve?: Resolve },
): buildConnector.connector {
  const resolve: Resolve = options.resolve ?? dnsLookup
  const lookup: LookupFunction = (hostname, lookupOptions, callback) => {
    resolve(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
      if (error) return callback(error, [])
      const permitted = addresses.filter(({ address }) => mayConnect(address, hostname, allowed))
      const [first] = permitted
      if (!first) return callback(refused(hostname), [])
      if (lookupOptions.all) callback(null, permitted)
      else callback(null, first.address, first.family)
    })
  }
  const connector = buildConnector({
    timeout: options.connectTimeoutMs,
    allowH2: false,
    lookup,
  } as buildConnector.BuildOptions)
  return (target, callback) => {
    try {
      refuseLiteral(target.hostname, allowed)
    } catch (error) {
      return callback(error as OutboundError, null)
    }
    connector(target, callback)
  }
}
