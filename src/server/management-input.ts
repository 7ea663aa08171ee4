import { inputSchema, type AnyOperation, type Member } from '../api/operation.ts'
import { RegistryError } from '../registry/errors.ts'

/** Where the parts of one request lie before they are an operation's input. */
export type RawInput = {
  /** Without the `?`. */
  readonly rawQuery: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Path variables, decoded. */
  readonly variables: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

type Input = Readonly<Record<string, unknown>>

const invalid = (message: string, reason: 'CANNOT_PARSE' | 'FIELD_VALIDATION_FAILED'): RegistryError =>
  new RegistryError('invalid', message, { reason })

/** Gathers an operation's input and holds it against its schemas. Unknown members are ignored, a repeated one is refused. */
export function parseInput(operation: AnyOperation, raw: RawInput): Input {
  const members = Object.entries(operation.input)
  const query = new URLSearchParams(raw.rawQuery)
  // A body that no member travels in is not looked at: some clients send `{}` with everything, some send nothing.
  const body = members.some(([, member]) => member.in === 'body') ? parseBody(raw.body) : {}
  const given: Record<string, unknown> = {}
  for (const [key, member] of members) {
    const value = find(member, query, raw, body)
    // AWS's clients may write null for what they leave out.
    if (value !== undefined && value !== null) given[key] = value
  }
  const parsed = inputSchema(operation.input).safeParse(given)
  if (!parsed.success) throw refusal(operation, given, parsed.error.issues)
  return parsed.data
}

function find(member: Member, query: URLSearchParams, raw: RawInput, body: Input): unknown {
  switch (member.in) {
    case 'body':
      return Object.hasOwn(body, member.name) ? body[member.name] : undefined
    case 'path':
      return integerOr(member, raw.variables[member.name])
    case 'header':
      return integerOr(member, once(member.name, [raw.headers[member.name.toLowerCase()] ?? []].flat()))
    case 'query':
      return integerOr(member, once(member.name, query.getAll(member.name)))
  }
}

function once(name: string, values: readonly string[]): string | undefined {
  if (values.length > 1) throw invalid(`${name} is given ${values.length} times`, 'FIELD_VALIDATION_FAILED')
  return values[0]
}

/** Other text than a whole number stays text, which the schema then refuses. */
const integerOr = ({ integer }: Member, text: string | undefined): unknown =>
  integer && text !== undefined && /^-?[0-9]{1,15}$/.test(text) ? Number(text) : text

function parseBody(bytes: Uint8Array): Input {
  if (bytes.byteLength === 0) return {}
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new RegistryError('invalid', 'The body is not JSON in UTF-8', { reason: 'CANNOT_PARSE', cause })
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('The body is not a JSON object', 'CANNOT_PARSE')
  }
  return body as Input
}

function refusal(
  operation: AnyOperation,
  given: Input,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): RegistryError {
  const problems = issues.map(({ path, message }) => {
    const [key, ...inside] = path.map(String)
    const name = operation.input[key ?? '']?.name ?? key ?? ''
    if (inside.length === 0 && given[key ?? ''] === undefined) return `${name} is missing`
    return `${[name, ...inside].join('.')}: ${message}`
  })
  return invalid(problems.join('; '), 'FIELD_VALIDATION_FAILED')
}
