import { RegistryError } from '../../registry/errors.ts'
import { displayName, type PackageName } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { isObject, ownMember, recordOf, type JsonObject } from './json.ts'
import { parseNpmName } from './name.ts'
import { noticeText } from './notice.ts'
import { readSmallBody } from './request-bytes.ts'
import { ADVISORIES_PATH, parseObject } from './upstream-documents.ts'

/** Ten thousand packages with two versions each take a tenth of it. */
const MAX_QUESTION = 4 * 1024 * 1024
const MAX_NAMES = 20_000

/**
 * `npm audit`: which advisories are known of these versions. Upstreams are asked, each only about packages that an install would ask it
 * for, so private names stay here. Nothing is made up: what nobody was asked about is told in `npm-notice`, and where nobody answers it is a 404.
 */
export async function serveAdvisories(context: RequestContext): Promise<Answer> {
  const wanted = readQuestion(await readSmallBody(context.body, context.headers, MAX_QUESTION))
  const names = [...wanted.values()].map(({ name }) => name)
  const about = (some: readonly PackageName[]) =>
    Buffer.from(JSON.stringify(recordOf(some.map(displayName).map((name) => [name, wanted.get(name)?.versions]))))
  const { answers, keptBack, unanswered } = await context.registry.askAboutPackages(
    context.scope,
    'npm',
    names,
    { path: ADVISORIES_PATH, about },
    { deadline: context.deadline },
  )
  if (answers.length === 0 && unanswered.length > 0)
    throw new RegistryError('not_found', 'No registry that this repository draws from answers audits')
  const left = keptBack.length + unanswered.length
  const notice =
    left === 0
      ? {}
      : {
          'npm-notice': noticeText(
            `${left} of ${names.length} packages were not audited: ${why(keptBack.length, unanswered.length)}`,
          ),
        }
  return {
    kind: 'json',
    status: 200,
    body: recordOf(answers.flatMap(({ names: asked, bytes }) => readAdvisories(bytes, asked))),
    headers: { 'cache-control': 'no-store', ...notice },
  }
}

const why = (keptBack: number, unanswered: number): string =>
  [
    ...(keptBack > 0 ? [`${keptBack} are private, and no other registry is told their names`] : []),
    ...(unanswered > 0 ? [`${unanswered} come from a registry that answers no audits`] : []),
  ].join('; ')

type Question = { readonly name: PackageName; readonly versions: readonly string[] }

/** `{ "hello": ["1.0.0", "1.1.0"] }`. Names that no package can have are left out: nothing is known of them. */
function readQuestion(text: string): ReadonlyMap<string, Question> {
  const question = parsedQuestion(text)
  const entries = Object.entries(question)
  if (entries.length > MAX_NAMES) throw new RegistryError('too_large', `An audit is of ${MAX_NAMES} packages at most`)
  return new Map(
    entries.flatMap(([raw, versions]) => {
      if (!Array.isArray(versions) || !versions.every((version) => typeof version === 'string'))
        throw new RegistryError('invalid', `The versions of ${JSON.stringify(raw.slice(0, 120))} are no list of texts`)
      const name = nameOf(raw)
      return name ? [[displayName(name), { name, versions: versions as string[] }] as const] : []
    }),
  )
}

function parsedQuestion(text: string): JsonObject {
  try {
    const question: unknown = JSON.parse(text)
    if (isObject(question)) return question
  } catch (cause) {
    throw new RegistryError('invalid', 'The body is not valid JSON', { cause })
  }
  throw new RegistryError('invalid', 'The body is not a JSON object')
}

function nameOf(raw: string): PackageName | null {
  try {
    return parseNpmName(raw)
  } catch (error) {
    if (error instanceof RegistryError) return null
    throw error
  }
}

/** Of what an upstream answered only what it was asked: it cannot speak about packages that it was not told of. */
function readAdvisories(bytes: Uint8Array, asked: readonly PackageName[]): readonly (readonly [string, unknown])[] {
  const answer = parsedAnswer(bytes)
  return asked.flatMap((name) => {
    const display = displayName(name)
    const advisories = ownMember(answer, display)
    return Array.isArray(advisories) ? [[display, advisories] as const] : []
  })
}

function parsedAnswer(bytes: Uint8Array): JsonObject {
  try {
    return parseObject(bytes)
  } catch (cause) {
    throw new RegistryError('upstream_down', 'An upstream answered an audit with something that is none', {
      retryAfter: 60,
      cause,
    })
  }
}
