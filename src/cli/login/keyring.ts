import path from 'node:path'
import { EXIT, Failure } from '../failure.ts'
import { BACKEND, MODULE } from './keyring-backend.ts'
import type { Place, Registry, Tool } from './setup.ts'

/** Where Python's library `keyring` looks for its configuration. */
function configRoot({ platform, home, env }: Place): string {
  if (platform === 'win32') return path.join(env.LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'), 'Python Keyring')
  return path.join(env.XDG_CONFIG_HOME || path.join(home, '.config'), 'python_keyring')
}

/** A backend of Python's library `keyring`, for whatever asks that: pip (`import`), twine, Poetry, PDM. It keeps no token. */
export const keyring: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: 'only',
  async plan(registry, place) {
    const variable = place.env.PYTHON_KEYRING_BACKEND
    if (variable)
      throw new Failure(
        EXIT.failed,
        `PYTHON_KEYRING_BACKEND is set to ${variable}, and nothing else would count: unset it`,
      )
    const folder = path.join(configRoot(place), 'granary')
    const settings = path.join(configRoot(place), 'keyringrc.cfg')
    const chosen = `[backend]\ndefault-keyring = ${BACKEND}\nkeyring-path = ${folder}\n`
    return [
      // First: where it is refused, nothing is written.
      { step: 'edit', file: settings, write: (text) => requireOwn(text, chosen, settings) },
      { step: 'edit', file: path.join(folder, 'granary_keyring.py'), write: () => MODULE },
      {
        step: 'edit',
        file: path.join(folder, 'granary_servers.json'),
        write: (text) => withServer(text, registry, place),
      },
      { step: 'tell', text: howToUse(registry, folder, settings) },
    ]
  },
}

function requireOwn(text: string, chosen: string, file: string): string {
  if (text.trim() === '' || text.includes(BACKEND)) return chosen
  throw new Failure(
    EXIT.failed,
    `${file} chooses another keyring, and stays as it is. Move it away and log in again: Granary's keyring asks the best of all others that are ` +
      'installed for what is not of this server',
  )
}

/** What runs `granary keyring` for an address of the server: no secret is in it. */
function withServer(text: string, { endpoint, server }: Registry, { env, exists, program }: Place): string {
  const data = path.resolve(env.GRANARY_DATA || 'data')
  const environment = {
    GRANARY_URL: server,
    ...(exists(path.join(data, 'credentials')) && { GRANARY_DATA: data }),
  }
  const others = text.trim() === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  return `${JSON.stringify({ ...others, [endpoint.origin]: { program, environment } }, null, 2)}\n`
}

const howToUse = ({ endpoint }: Registry, folder: string, settings: string): string =>
  [
    "No token was written: whatever asks Python's library keyring is given a new one for this server, each time.",
    `  pip install --keyring-provider import --index-url ${endpoint.protocol}//aws@${endpoint.host}${endpoint.pathname}simple/ …`,
    `  twine upload --repository-url ${endpoint.href} dist/*`,
    `  poetry source add --priority=primary granary ${endpoint.href}simple/`,
    'The library has to be installed with the client: twine and Poetry bring it along, pip needs `python -m pip install keyring`.',
    `To undo it, delete ${settings} and ${folder}`,
  ].join('\n')
