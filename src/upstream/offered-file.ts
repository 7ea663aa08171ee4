import { RegistryError } from '../registry/errors.ts'
import type { Connection, IndexFile } from '../registry/model.ts'
import { outage } from './ask.ts'

// A file as an index offers it.

/** What a file is known by. Another address or other digests under the same name: another file. */
export const fileKey = (connection: Connection, { url, size, digests, sideCar }: IndexFile): string =>
  JSON.stringify([connection.name, url, size, Object.entries(digests).toSorted(), sideCar])

/**
 * Where to fetch a file. Old documents of registries that speak https name http addresses on the same host: those are
 * fetched by https. Without a digest, nothing else is fetched in the clear for a connection that is not.
 */
export function fileUrl(connection: Connection, file: IndexFile): string {
  if (!URL.canParse(file.url)) throw outage('down', `${connection.name} names an address for ${file.file} that is none`)
  const url = new URL(file.url)
  const own = new URL(connection.url)
  const isDowngrade = own.protocol === 'https:' && url.protocol === 'http:'
  if (isDowngrade && url.hostname === own.hostname && url.port === '') return own.origin + url.pathname + url.search
  if (isDowngrade && Object.keys(file.digests).length === 0)
    throw outage(
      'down',
      `${connection.name} offers ${file.file} over plain http and without a digest, which is refused`,
    )
  return url.href
}

export const goneUpstream = (connection: Connection, what: string): RegistryError =>
  new RegistryError('not_found', `${connection.name} lists ${what} but does not have it`, {
    resourceType: 'asset',
    resourceId: what,
  })
