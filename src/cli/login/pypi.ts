import path from 'node:path'
import { readIni, setIni } from '../ini.ts'
import { isLoopback } from '../credentials.ts'
import { withToken, type Place, type Step, type Tool } from './setup.ts'
import { setTomlParts } from './toml-parts.ts'

const configHome = ({ env, home }: Place): string => env.XDG_CONFIG_HOME || path.join(home, '.config')

/** The file that `pip config set` writes; it is read after the others of the user. */
function pipConfig(place: Place): string {
  const { platform, home, env, exists } = place
  if (platform === 'win32') return path.join(env.APPDATA ?? path.join(home, 'AppData', 'Roaming'), 'pip', 'pip.ini')
  const library = path.join(home, 'Library', 'Application Support', 'pip')
  return platform === 'darwin' && exists(library)
    ? path.join(library, 'pip.conf')
    : path.join(configHome(place), 'pip', 'pip.conf')
}

/** pip takes `index_url` for `index-url`. */
const samePipKey = (a: string, b: string): boolean => pipKey(a) === pipKey(b)
const pipKey = (key: string): string => key.toLowerCase().replaceAll('_', '-')

/** The file that clients call for a password instead of keeping one; `granary keyring` answers as it does. */
const tellOfKeyring: Step = {
  step: 'tell',
  text:
    "No token was written. Where Python's library keyring is installed, have its program answer: granary login keyring\n" +
    'Elsewhere put a program `keyring` on the PATH, ahead of any other, that asks this one:\n' +
    '  #!/bin/sh\n' +
    '  exec granary keyring "$@"',
}

export const pip: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: true,
  async plan(registry, place) {
    const { endpoint, keyring } = registry
    const set = (text: string, key: string, value: string) =>
      setIni(text, { section: 'global', key, value }, samePipKey)
    const write = (text: string): string => {
      const named = set(text, 'index-url', withToken(registry, 'simple/'))
      const indexed = keyring ? set(named, 'keyring-provider', 'subprocess') : named
      if (endpoint.protocol !== 'http:' || isLoopback(endpoint.hostname)) return indexed
      const known = [...(readIni(indexed).get('global') ?? [])].find(([key]) => samePipKey(key, 'trusted-host'))
      const hosts = new Set([...(known?.[1].split(/\s+/).filter(Boolean) ?? []), endpoint.host])
      return set(indexed, 'trusted-host', [...hosts].join('\n    '))
    }
    return [{ step: 'edit', file: pipConfig(place), write }, ...(keyring ? [tellOfKeyring] : [])]
  },
}

const PYPIRC_NAME = 'granary'

export const twine: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: false,
  async plan({ endpoint, token }, { home }) {
    const settings = { repository: endpoint.href, username: 'aws', password: token }
    const write = (text: string): string => {
      const servers = readIni(text).get('distutils')?.get('index-servers')?.split(/\s+/).filter(Boolean) ?? []
      const value = [...new Set([...servers, PYPIRC_NAME])].map((server) => `\n    ${server}`).join('')
      const listed = setIni(text, { section: 'distutils', key: 'index-servers', value })
      return Object.entries(settings).reduce(
        (before, [key, secret]) => setIni(before, { section: PYPIRC_NAME, key, value: secret }),
        listed,
      )
    }
    return [
      { step: 'edit', file: path.join(home, '.pypirc'), write },
      { step: 'tell', text: `Upload with: twine upload --repository ${PYPIRC_NAME} dist/*` },
    ]
  },
}

export const uv: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: true,
  async plan(registry, place) {
    const folder = place.platform === 'win32' && place.env.APPDATA ? place.env.APPDATA : configHome(place)
    const parts = {
      // Not the index's own publish-url: with that, uv asks the index for the name before it publishes, and so may a public one hear of it.
      settings: [
        `publish-url = ${JSON.stringify(withToken(registry))}`,
        ...(registry.keyring ? ['keyring-provider = "subprocess"'] : []),
      ],
      tables: [
        '[[index]]',
        'name = "granary"',
        `url = ${JSON.stringify(withToken(registry, 'simple/'))}`,
        'default = true',
      ],
    }
    return [
      { step: 'edit', file: path.join(folder, 'uv', 'uv.toml'), write: (text) => setTomlParts(text, parts) },
      { step: 'tell', text: 'Publish with: uv publish' },
      ...(registry.keyring ? [tellOfKeyring] : []),
    ]
  },
}
