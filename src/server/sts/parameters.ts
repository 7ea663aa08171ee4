import { STS_VERSION, UNSUPPORTED_PARAMETERS } from '../../api/sts/assume-role.ts'
import { RegistryError } from '../../registry/errors.ts'

/** What a request of the Query protocol asks for: the action, and its own parameters. */
export type StsRequest = { readonly action: string; readonly parameters: Readonly<Record<string, string>> }

const FORM = /^application\/x-www-form-urlencoded\s*(;\s*charset="?utf-8"?\s*)?$/i

/** Names count by case, and each once: of two values one would be checked and the other used. */
export function readParameters(request: {
  readonly contentType: string | undefined
  /** Without the `?`. */
  readonly rawQuery: string
  readonly body: Uint8Array
}): StsRequest {
  if (request.rawQuery !== '') throw invalid('Parameters belong into the body of the request, not into its address')
  if (!FORM.test(request.contentType ?? ''))
    throw invalid('The body must be application/x-www-form-urlencoded, in UTF-8')
  const given = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(decode(request.body))) {
    if (given.has(name)) throw invalid(`The parameter ${shown(name)} is given more than once`)
    given.set(name, value)
  }
  const { Action: action, Version: version, ...parameters } = Object.fromEntries(given)
  if (!action) throw new RegistryError('invalid', 'The parameter Action is missing', { awsCode: 'MissingAction' })
  if (version !== STS_VERSION) {
    const found = version === undefined ? 'without a Version' : `of version ${shown(version)}`
    throw new RegistryError('invalid', `Could not find the operation ${shown(action)} ${found}`, {
      awsCode: 'InvalidAction',
    })
  }
  return { action, parameters }
}

/** Refuses every parameter that is not among the `known`, so that nothing that was meant to narrow a session is ignored. */
export function refuseOthers({ action, parameters }: StsRequest, known: readonly string[]): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (known.includes(name)) continue
    const why = whyUnsupported(name)
    if (why === undefined) throw invalid(`${shown(name)} is not a parameter of ${action}`)
    // An empty list, as some clients write one.
    if (value !== '') throw invalid(`${shown(name)} is not supported: ${why}`)
  }
}

/** `Tags.member.1.Key` is one of Tags. */
function whyUnsupported(name: string): string | undefined {
  const base = name.split('.', 1)[0] ?? ''
  return Object.hasOwn(UNSUPPORTED_PARAMETERS, base) ? UNSUPPORTED_PARAMETERS[base] : undefined
}

const invalid = (message: string): RegistryError => new RegistryError('invalid', message)

const shown = (text: string): string => JSON.stringify(text.slice(0, 120))

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new RegistryError('invalid', 'The body is not UTF-8', { cause })
  }
}
