import { createHash } from 'node:crypto'
import { DECODABLE, readBody } from '../outbound/body.ts'
import type { Outbound } from '../outbound/outbound.ts'
import { decodeAtOnce } from '../registry/decode-at-once.ts'
import type { Connection } from '../registry/model.ts'
import { packageName } from '../registry/names.ts'
import { packFacts } from '../registry/packed-facts.ts'
import type { Upstream } from '../registry/ports.ts'
import { ask, type AskParts } from './ask.ts'
import { Breaker, type BreakerTimes } from './breaker.ts'
import { createIndexReader, type IndexParts } from './fetch-index.ts'
import type { Settling } from './single-flight.ts'

const NO_FACTS = packFacts({ versions: [], files: [], serial: null })
const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
const MAX_ANSWER_BYTES = 8 * 1024 * 1024
/** `npm install` waits for the answer to its audit. */
const QUESTION_DEADLINE_MS = 10_000
/** By these a registry says that it has no such service, as clearly as by a 404. */
const NOT_SERVED: ReadonlySet<number> = new Set([400, 405, 501])

/**
 * Documents that registries keep beside packages: the keys that they sign with, attestations of versions. Each is an index to
 * all the machinery that fetches, keeps and refreshes indexes, one whose package has the path for a name. No package has: npm's names have one
 * slash at most, and none begins with `-/`.
 */
export function createDocumentReader(parts: IndexParts & BreakerTimes): Pick<Upstream, 'readDocument'> & Settling {
  const reader = createIndexReader({
    ...parts,
    outbound: withoutServiceIsAbsent(parts.outbound),
    // What fails beside packages is no reason to ask for no packages, nor to wait before the next is asked for.
    breaker: new Breaker(parts),
    observe: (observation) => parts.observe({ ...observation, kind: 'document' }),
    ecosystemOf: (format) => ({
      ...parts.ecosystemOf(format),
      indexPath: ({ name }) => name,
      indexAccept: 'application/json',
    }),
    readIndex: async (format, { pieces, coding, maxBytes }, { name }) => {
      const document = decodeAtOnce(pieces, coding, maxBytes)
      if (!document) throw new Error(`it has more than ${maxBytes} bytes`)
      parts.ecosystemOf(format).checkDocument?.(name, document)
      // They are small, and are served byte by byte as they came: so they are kept as they are.
      const sha256 = createHash('sha256').update(document).digest('hex')
      return { facts: NO_FACTS, document, sha256, isOlder: false, losesMost: false }
    },
    maxIndexBytes: MAX_DOCUMENT_BYTES,
  })
  return {
    readDocument: (connection, path, options) =>
      reader.readIndex(connection, packageName(connection.format, null, path), options),
    settled: () => reader.settled(),
  }
}

const withoutServiceIsAbsent = (outbound: Outbound): Outbound => ({
  ...outbound,
  async request(request) {
    const response = await outbound.request(request)
    return NOT_SERVED.has(response.status) ? { ...response, status: 404 } : response
  },
})

/** Asks in JSON, by a POST that changes nothing upstream. undefined where the registry has no such service. */
export function createQuestions(parts: AskParts & BreakerTimes): Pick<Upstream, 'ask'> {
  const asking = {
    ...parts,
    outbound: withoutServiceIsAbsent(parts.outbound),
    // One service of a registry that fails is no reason to ask it for no packages, nor to wait for it twice.
    breaker: new Breaker(parts),
    tries: 1,
  }
  return {
    ask: (connection, path, question, { deadline }) => askQuestion(asking, connection, path, question, deadline),
  }
}

function askQuestion(
  parts: AskParts,
  connection: Connection,
  path: string,
  question: Uint8Array,
  deadline: number,
): Promise<Uint8Array | undefined> {
  const request = {
    connection,
    kind: 'question' as const,
    what: path,
    url: connection.url + path,
    headers: { accept: 'application/json', 'accept-encoding': DECODABLE, 'content-type': 'application/json' },
    body: question,
    deadline: Math.min(deadline, parts.clock.now() + QUESTION_DEADLINE_MS),
  }
  return ask(parts, request, async (response) =>
    response.status === 200 ? readBody(response, { maxBytes: MAX_ANSWER_BYTES }) : undefined,
  )
}
