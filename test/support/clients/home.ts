import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve, sep } from 'node:path'

/** Where `.ci/run` puts pip, twine, uv and the AWS CLI, so that tests do not depend on what a machine happens to have. */
const clientsFolder = process.env.GRANARY_TEST_CLIENTS ?? resolve(import.meta.dirname, '../../../.ci/venv')

/** What a client needs to know of the machine. All else (settings, tokens, proxies of the person who runs the tests) is left out. */
const KEPT = ['LANG', 'LC_ALL', 'LC_CTYPE', 'SystemRoot', 'TMPDIR', 'TZ', 'USER']
const CERTIFICATES = [
  'AWS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  'npm_config_cafile',
]

/** Port 9 (discard) refuses connections: whatever is not on the loopback interface cannot be reached. */
const NOWHERE = 'http://127.0.0.1:9'
const LOOPBACK = '127.0.0.1,localhost,::1'
const NETWORK_CUT = { HTTP_PROXY: NOWHERE, HTTPS_PROXY: NOWHERE, NO_PROXY: LOOPBACK }

/** The directories that programs are looked up in: those of the tests first, and no node_modules/.bin, where npm scripts find Granary's own Node.js. */
export const searchPath = (): readonly string[] => [
  join(clientsFolder, 'bin'),
  ...(process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes(join('node_modules', '.bin')) && folder !== ''),
]

/** A person's account on a machine, with nothing in it yet. It and all that clients left in it go when it is disposed of. */
export type ClientHome = AsyncDisposable & {
  readonly folder: string
  /** The whole environment of a client that runs here. */
  readonly env: Readonly<Record<string, string>>
  /** A new empty folder to work in. */
  project(name: string): Promise<string>
}

export async function clientHome(): Promise<ClientHome> {
  const folder = await mkdtemp(join(tmpdir(), 'granary-home-'))
  const kept = [...KEPT, ...CERTIFICATES].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    folder,
    env: {
      ...Object.fromEntries(kept),
      ...NETWORK_CUT,
      // curl and others read only the lower-case spelling of this one.
      http_proxy: NOWHERE,
      no_proxy: LOOPBACK,
      PATH: searchPath().join(delimiter),
      HOME: folder,
      USERPROFILE: folder,
      XDG_CONFIG_DIRS: join(folder, 'etc', 'xdg'),
      npm_config_globalconfig: join(folder, 'etc', 'npmrc'),
      npm_config_update_notifier: 'false',
      PIP_DISABLE_PIP_VERSION_CHECK: '1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
    },
    async project(name) {
      const project = resolve(folder, 'projects', name)
      if (!project.startsWith(folder + sep)) throw new Error(`${name} is not a folder of the home`)
      await mkdir(project, { recursive: true })
      return project
    },
    // pnpm and Go make files read-only; clients may still be letting go of theirs.
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}
