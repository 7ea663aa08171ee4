import { isIP } from 'node:net'

/** Whether a request goes through the proxy: `HTTPS_PROXY` is for https targets, less those that `NO_PROXY` names. */
export function usesProxy(url: URL, noProxy: readonly string[]): boolean {
  if (url.protocol !== 'https:') return false
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  const isLoopback =
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    (isIP(host) === 4 && host.startsWith('127.')) ||
    host === '::1'
  return !isLoopback && !noProxy.some((entry) => isExempt(host, url.port, entry.trim().toLowerCase()))
}

function isExempt(host: string, port: string, entry: string): boolean {
  if (entry === '') return false
  if (entry === '*') return true
  const [, name = entry, entryPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
  if (entryPort !== undefined && isIP(entry) === 0 && entryPort !== (port || '443')) return false
  const suffix = (isIP(entry) === 0 ? name : entry).replace(/^\*?\.?/, '')
  return host === suffix || host.endsWith(`.${suffix}`)
}
