import type { FormatName } from '../notation.ts'

/** What a client is to be told. */
export type Registry = {
  /** The repository's URL for the client's format, ending in a slash. */
  readonly endpoint: URL
  /** The server's own URL, as the command line was told it. */
  readonly server: string
  /** Characters of base64url and dots only: it stands in URLs unescaped. Empty where `keyring`. */
  readonly token: string
  /** The client is to ask the program `keyring` for a token whenever it needs one, and none is written. */
  readonly keyring: boolean
  /** npm's scope with its @, where only that is to come from here; null for everything. */
  readonly scope: string | null
}

/** Where a client's configuration lies on this machine. */
export type Place = {
  readonly home: string
  /** What runs this command line: a program, and its first arguments. */
  readonly program: readonly string[]
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether a file is there. */
  readonly exists: (file: string) => boolean
  /** What a program prints; null where it is not installed. */
  readonly output: (program: string, args: readonly string[]) => Promise<string | null>
}

export type Step =
  /** `write` is given what is in the file, or the empty text. It ends up readable by its owner only: it has the token in it. */
  | { readonly step: 'edit'; readonly file: string; readonly write: (text: string) => string }
  | { readonly step: 'run'; readonly program: string; readonly args: readonly string[] }
  /** Makes a file that another program writes readable by its owner only; makes an empty one where it is missing. */
  | { readonly step: 'protect'; readonly file: string }
  | { readonly step: 'tell'; readonly text: string }

/** One client that can be logged in. */
export type Tool = {
  readonly format: FormatName
  readonly takesScope: boolean
  /** Whether it can ask a keyring; `only`: it is one, and never takes a token. */
  readonly takesKeyring: boolean | 'only'
  plan(registry: Registry, place: Place): Promise<readonly Step[]>
}

/** How clients of PyPI carry a token in a URL; the user name says nothing. Without a token they ask for one for that user. */
export function withToken({ endpoint, token }: Registry, below = ''): string {
  const url = new URL(below, endpoint)
  url.username = 'aws'
  url.password = token
  return url.href
}

/** `//127.0.0.1:8787/npm/local/main/`: how npm's configuration names a registry. */
export const withoutScheme = ({ endpoint }: Registry): string => `//${endpoint.host}${endpoint.pathname}`
