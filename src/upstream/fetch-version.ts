import { DECODABLE, readBody } from '../outbound/body.ts'
import type { Ecosystem, FetchedIndex } from '../registry/ecosystem.ts'
import type { Connection } from '../registry/model.ts'
import { displayName, type ConnectionName, type FormatId, type PackageName } from '../registry/names.ts'
import type { OfferedVersion, Upstream } from '../registry/ports.ts'
import { ask, isOutage, routeOf, whyClosed, type AskParts } from './ask.ts'
import { SingleFlight, type Settling } from './single-flight.ts'
import { within } from './within.ts'

/** A manifest of one version; the largest known has a tenth of it. */
const MAX_BYTES = 2 * 1024 * 1024
const DEADLINE_MS = 10_000
/** Others want the same file while it arrives: until it is here, what was said a moment ago will do. */
const REMEMBERED_FOR_MS = 30_000
const REMEMBERED = 1_000
/** How long a registry that answers such a request with anything odd is asked for whole indexes instead. */
const NOT_SERVED_FOR_MS = 10 * 60_000

/**
 * What an upstream says of one version alone. A lock file names versions, and a whole index, hundreds of times larger, tells no
 * more about them than their own manifest does.
 */
export function createVersionReader(
  parts: AskParts & { readonly ecosystemOf: (format: FormatId) => Ecosystem },
): Pick<Upstream, 'findVersionOf'> & Settling {
  const flights = new SingleFlight<OfferedVersion | undefined>()
  const recent = new Map<string, { readonly offered: OfferedVersion; readonly until: number }>()
  const notServed = new Map<ConnectionName, number>()

  const fetchVersion = async (connection: Connection, name: PackageName, version: string) => {
    const { single } = parts.ecosystemOf(name.format)
    if (!single) return undefined
    const request = {
      connection,
      kind: 'version' as const,
      what: `${displayName(name)}@${version}`,
      url: connection.url + single.path(name, version),
      headers: { accept: 'application/json', 'accept-encoding': DECODABLE },
      deadline: parts.clock.now() + DEADLINE_MS,
    }
    try {
      return await ask(parts, request, async (response): Promise<OfferedVersion | undefined> => {
        const { status, headers, url } = response
        if (status !== 200) return undefined
        const body = await readBody(response, { maxBytes: MAX_BYTES })
        const fetched: FetchedIndex = { body, contentType: headers['content-type'] ?? '', url, headers }
        return single.read(fetched, name, version)
      })
    } catch (error) {
      if (!isOutage(error)) throw error
      // Its whole index may be had all the same; if not, that request says so.
      notServed.set(connection.name, parts.clock.now() + NOT_SERVED_FOR_MS)
      return undefined
    }
  }

  const remember = (key: string, offered: OfferedVersion) => {
    recent.delete(key)
    recent.set(key, { offered, until: parts.clock.now() + REMEMBERED_FOR_MS })
    if (recent.size > REMEMBERED) recent.delete(recent.keys().next().value as string)
  }

  return {
    async findVersionOf(connection, name, file, { deadline }) {
      const version = parts.ecosystemOf(name.format).single?.versionOf(name, file)
      if (version === undefined || parts.clock.now() < (notServed.get(connection.name) ?? 0)) return undefined
      // Where nothing is sent, nothing odd was answered.
      if (
        whyClosed(parts, connection) ||
        parts.breaker.pause(routeOf(connection, connection.url), parts.clock.now()) > 0
      )
        return undefined
      const key = `${connection.name} ${name.format} ${name.key} ${version}`
      const known = recent.get(key)
      const flight = () =>
        flights.run(key, async () => {
          const fetched = await fetchVersion(connection, name, version)
          if (fetched) remember(key, fetched)
          return fetched
        })
      const offered =
        known && parts.clock.now() < known.until
          ? known.offered
          : await within(flight(), deadline, parts.clock, () => new Error('late')).catch(() => undefined)
      return offered?.file.file === file ? offered : undefined
    },
    settled: () => flights.settled(),
  }
}
