import path from 'node:path'
import { setNetrc } from './netrc.ts'
import type { Place, Step, Tool } from './setup.ts'
import { setTomlTable } from './toml-table.ts'

// Tools that keep a Python project: what they install from is said in the project, or for all projects of a user. Their own
// `config` commands are not called: they would show the token to whoever lists processes.

const NAME = 'granary'
/** The user name says nothing; every client wants one. */
const USER = 'aws'

/** As the library `platformdirs` has it, which all of them ask. `windows`: below `AppData`. */
function configFolder({ platform, home, env }: Place, name: string, windows: readonly string[]): string {
  if (platform === 'win32') return path.join(home, 'AppData', ...windows)
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', name)
  return path.join(env.XDG_CONFIG_HOME || path.join(home, '.config'), name)
}

type Table = { readonly table: readonly string[]; readonly values: Readonly<Record<string, string>> }

const editToml = (file: string, ...tables: readonly Table[]): Step => ({
  step: 'edit',
  file,
  write: (text) => tables.reduce((before, { table, values }) => setTomlTable(before, table, values, file), text),
})

export const poetry: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: false,
  async plan({ endpoint, token }, place) {
    const folder = place.env.POETRY_CONFIG_DIR || configFolder(place, 'pypoetry', ['Roaming', 'pypoetry'])
    const login = { username: USER, password: token }
    return [
      editToml(path.join(folder, 'config.toml'), { table: ['repositories', NAME], values: { url: endpoint.href } }),
      // Looked at before the keyring.
      editToml(path.join(folder, 'auth.toml'), { table: ['http-basic', NAME], values: login }),
      {
        step: 'tell',
        text:
          `Install from it, in each project: poetry source add --priority=primary ${NAME} ${endpoint.href}simple/\n` +
          `Publish with: poetry publish --repository ${NAME}`,
      },
    ]
  },
}

export const pdm: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: false,
  async plan({ endpoint, token }, place) {
    const folder = configFolder(place, 'pdm', ['Local', 'pdm', 'pdm'])
    const login = { username: USER, password: token }
    return [
      editToml(
        place.env.PDM_CONFIG_FILE || path.join(folder, 'config.toml'),
        { table: ['pypi'], values: { url: new URL('simple/', endpoint).href, ...login } },
        { table: ['repository', NAME], values: { url: endpoint.href, ...login } },
      ),
      { step: 'tell', text: `Publish with: pdm publish --repository ${NAME}` },
    ]
  },
}

/** It installs with pip or uv, which have a login of their own. */
export const hatch: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: false,
  async plan({ endpoint, token }, place) {
    const folder = configFolder(place, 'hatch', ['Local', 'hatch'])
    return [
      editToml(
        place.env.HATCH_CONFIG || path.join(folder, 'config.toml'),
        { table: ['publish', 'index'], values: { repo: NAME } },
        {
          table: ['publish', 'index', 'repos', NAME],
          values: { url: endpoint.href, user: USER, auth: token },
        },
      ),
      {
        step: 'tell',
        text: 'Publish with: hatch publish\nIts environments are installed by pip or uv: granary login pip, granary login uv',
      },
    ]
  },
}

/** It has no settings of its own: a mirror in the environment, and whoever logs in at that host. */
export const pipenv: Tool = {
  format: 'pypi',
  takesScope: false,
  takesKeyring: false,
  async plan({ endpoint, token }, { home, platform, env }) {
    const file = env.NETRC || path.join(home, platform === 'win32' ? '_netrc' : '.netrc')
    const entry = { host: endpoint.hostname, login: USER, password: token }
    return [
      { step: 'edit', file, write: (text) => setNetrc(text, entry) },
      {
        step: 'tell',
        text:
          `Set, for example in your shell's profile: export PIPENV_PYPI_MIRROR=${endpoint.href}simple/\n` +
          `Everything that reads ${file} uses this login for ${endpoint.hostname}`,
      },
    ]
  },
}
