import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publicConnections } from '../../src/upstream/public-registries.ts'
import { ageIndexes } from '../support/aged-indexes.ts'
import type { ClientHome } from '../support/clients/home.ts'
import { readMachineIndex } from '../support/clients/machine-registry.ts'
import {
  pyproject,
  requirementsIn,
  SMALL_APP,
  TINY_APP,
  useApp,
  WHOLE_APP,
  type PypiApp,
} from '../support/clients/pypi-app.ts'
import { homeWithPypi, requirePypiClient, type PypiClientName } from '../support/clients/pypi-clients.ts'
import { run } from '../support/clients/run.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startPypiMirror, type Mirror } from '../support/mirror/start.ts'

const DAY = 24 * 3_600_000
const ANY_INDEX = 'http://index.example/'

type Command = readonly [program: string, ...args: string[]]
type Client = {
  readonly name: PypiClientName
  /** What `granary login` calls it. */
  readonly tool: string
  readonly app: PypiApp
  /** The project, where its packages come from the index at that address. */
  readonly files: (index: string) => Readonly<Record<string, string>>
  /** The variables that have it use that index without Granary. */
  readonly direct?: (index: string) => Readonly<Record<string, string>>
  /** The variables that a login through Granary asks for. */
  readonly through?: (index: string) => Readonly<Record<string, string>>
  readonly lockFile: string
  /** Resolves and writes the lock file. */
  readonly lock: readonly Command[]
  /** Installs what the lock file says into `.venv`, and fails where that does not do. */
  readonly install: readonly Command[]
  /** What a person must do after a lock file was made without Granary and the address in it was replaced. */
  readonly moved?: readonly Command[]
  /** Takes from a lock file what depends on the address of the index besides the address itself. */
  readonly withoutHost?: (lock: string) => string
}

const VENV: Command = ['python3', '-m', 'venv', '--without-pip', '.venv']
const PUBLIC_INDEX = publicConnections().find(({ name }) => name === 'public:pypi')?.url ?? ''

/** It writes no lock file with addresses or hashes: what it installed is one as well. */
const oldPip = (name: PypiClientName): Client => ({
  name,
  tool: 'pip',
  app: TINY_APP,
  files: () => ({ 'requirements.in': requirementsIn(TINY_APP) }),
  // Without setuptools beside it, which the tests do not install, 20.3 cannot build in any other way.
  direct: (index) => ({ PIP_INDEX_URL: index, PIP_USE_PEP517: '1' }),
  through: () => ({ PIP_USE_PEP517: '1' }),
  lockFile: 'requirements.txt',
  lock: [VENV, ['pip', 'install', '--requirement', 'requirements.in'], ['sh', '-c', 'pip freeze > requirements.txt']],
  install: [VENV, ['pip', 'install', '--no-deps', '--requirement', 'requirements.txt']],
})

// The whole application where that takes a minute or two; what else is slow has parts of it.
const CLIENTS: readonly Client[] = [
  {
    name: 'pip-26',
    tool: 'pip',
    app: WHOLE_APP,
    files: () => ({ 'requirements.in': requirementsIn(WHOLE_APP) }),
    direct: (index) => ({ PIP_INDEX_URL: index }),
    lockFile: 'pylock.toml',
    lock: [VENV, ['pip', 'lock', '--requirement', 'requirements.in']],
    install: [VENV, ['pip', 'install', '--requirement', 'pylock.toml']],
  },
  {
    name: 'uv',
    tool: 'uv',
    app: WHOLE_APP,
    files: () => ({ 'pyproject.toml': pyproject(WHOLE_APP) }),
    direct: (index) => ({ UV_DEFAULT_INDEX: index }),
    lockFile: 'uv.lock',
    lock: [['uv', 'lock']],
    install: [['uv', 'sync', '--locked']],
  },
  {
    name: 'poetry',
    tool: 'poetry',
    app: SMALL_APP,
    files: (index) => ({
      'pyproject.toml': pyproject(
        SMALL_APP,
        '[tool.poetry]',
        'package-mode = false',
        '[[tool.poetry.source]]',
        'name = "granary"',
        `url = "${index}"`,
        'priority = "primary"',
      ),
    }),
    lockFile: 'poetry.lock',
    lock: [['poetry', 'lock']],
    install: [['poetry', 'install']],
    // The address of the index is part of what it takes the hash of.
    withoutHost: (lock) => lock.replace(/^content-hash = .*$/m, ''),
    moved: [['poetry', 'lock']],
  },
  {
    name: 'pdm',
    tool: 'pdm',
    app: SMALL_APP,
    files: () => ({ 'pyproject.toml': pyproject(SMALL_APP, '[tool.pdm]', 'distribution = false') }),
    direct: (index) => ({ PDM_PYPI_URL: index }),
    lockFile: 'pdm.lock',
    lock: [['pdm', 'lock']],
    install: [['pdm', 'sync']],
  },
  {
    name: 'pipenv',
    tool: 'pipenv',
    app: SMALL_APP,
    files: () => ({
      Pipfile: [
        '[[source]]',
        'name = "pypi"',
        `url = "${PUBLIC_INDEX}"`,
        'verify_ssl = true',
        '[packages]',
        ...SMALL_APP.requirements.map((one) => one.replace(/^(.*?)(==.*)$/, '$1 = "$2"')),
        '',
      ].join('\n'),
    }),
    direct: (index) => ({ PIPENV_PYPI_MIRROR: index }),
    through: (index) => ({ PIPENV_PYPI_MIRROR: index }),
    lockFile: 'Pipfile.lock',
    lock: [['pipenv', 'lock']],
    install: [['pipenv', 'sync']],
  },
  {
    name: 'pip-tools',
    tool: 'pip',
    app: TINY_APP,
    files: () => ({ 'requirements.in': requirementsIn(TINY_APP) }),
    direct: (index) => ({ PIP_INDEX_URL: index }),
    lockFile: 'requirements.txt',
    lock: [['pip-compile', '--quiet', '--generate-hashes', '--no-emit-index-url', '--strip-extras']],
    // It installs with the pip that is there.
    install: [
      ['python3', '-m', 'venv', '.venv'],
      ['pip-sync', '--python-executable', '.venv/bin/python'],
    ],
  },
  oldPip('pip-20'),
  oldPip('pip-23'),
]

describe('an application of a hundred packages, or parts of it', () => {
  let folder: string
  let mirror: Mirror

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'granary-mirror-'))
    mirror = await startPypiMirror(folder, readMachineIndex())
  })
  afterAll(async () => {
    await mirror?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  const use = async (project: string, commands: readonly Command[], env: Readonly<Record<string, string>>) => {
    for (const [program, ...args] of commands) {
      const finished = await run(program, args, { cwd: project, env, timeout: 280_000 })
      const said = `${program} ${args.join(' ')}\n${finished.stdout}\n${finished.stderr}`
      expect(finished, said).toMatchObject({ code: 0 })
    }
  }
  const writeFiles = async (project: string, files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) await writeFile(join(project, name), text)
  }

  describe.each(CLIENTS)('with $name', (client) => {
    let granary: Granary
    /** Made from the mirror itself, and made through Granary. */
    let directLock: string
    let lock: string

    beforeAll(async () => {
      granary = await startGranary({ env: { GRANARY_UPSTREAM_PYPI: mirror.registry } })
    })
    afterAll(() => granary?.[Symbol.asyncDispose]())

    const endpoint = () => `${granary.url}/pypi/local/main/`
    const index = () => `${endpoint()}simple/`
    const mirrorRoot = () => mirror.registry.replace(/simple\/$/, '')

    const lockDirectly = async (venv: string) => {
      await using home = await homeWithPypi(client.name, venv)
      const project = await home.project('app')
      await writeFiles(project, client.files(mirror.registry))
      await use(project, client.lock, { ...home.env, ...client.direct?.(mirror.registry) })
      return readFile(join(project, client.lockFile), 'utf8')
    }

    /** On a machine where the client never ran: logs in, does that, runs the application, and gives the lock file that is there in the end. */
    const workOnNewMachine = async (venv: string, commands: readonly Command[], givenLock?: string) => {
      await using home = await homeWithPypi(client.name, venv)
      const project = await logIn(home)
      await writeFiles(project, {
        ...client.files(index()),
        ...(givenLock !== undefined && { [client.lockFile]: givenLock }),
      })
      await use(project, commands, { ...home.env, ...client.through?.(index()) })
      const installed = await useApp(home, project, client.app)
      expect(installed.length).toBeGreaterThan(client.app.packages)
      expect(installed).toEqual(expect.arrayContaining(['click==8.2.2', 'sgmllib3k==1.0.0']))
      return readFile(join(project, client.lockFile), 'utf8')
    }
    const logIn = async (home: ClientHome) => {
      const login = await granary.cli(home, 'login', client.tool)
      expect(login, login.stderr).toMatchObject({ code: 0 })
      return home.project('app')
    }
    const withoutHost = (text: string) => {
      const neutral = text.replaceAll(endpoint(), ANY_INDEX).replaceAll(mirrorRoot(), ANY_INDEX)
      return client.withoutHost?.(neutral) ?? neutral
    }

    it('locks the same as directly, and installs from an empty Granary', async (context) => {
      const venv = await requirePypiClient(context, client.name)
      directLock = await lockDirectly(venv)
      lock = await workOnNewMachine(venv, [...client.lock, ...client.install])
      expect(lock).not.toContain('eyJ')
      expect(withoutHost(lock)).toBe(withoutHost(directLock))
    })

    it('resolves and installs with the upstream down', async (context) => {
      const venv = await requirePypiClient(context, client.name)
      // So old that Granary asks before it answers.
      ageIndexes(granary.data, 2 * DAY)
      await mirror.setOutage(true)
      try {
        expect(await workOnNewMachine(venv, [...client.lock, ...client.install])).toBe(lock)
      } finally {
        await mirror.setOutage(false)
      }
    })

    it('installs from a lock file that was made without Granary', async (context) => {
      const venv = await requirePypiClient(context, client.name)
      const moved = directLock.replaceAll(mirrorRoot(), endpoint())
      const after = await workOnNewMachine(venv, [...(client.moved ?? []), ...client.install], moved)
      expect(withoutHost(after)).toBe(withoutHost(lock))
    })
  })

  describe('with `pip download`', () => {
    const ELSEWHERE = ['--platform', 'win_amd64', '--platform', 'macosx_11_0_arm64', '--python-version', '3.13']

    it.for([
      [
        'a wheel of another platform',
        ['--only-binary', ':all:', ...ELSEWHERE, 'markupsafe==3.0.3'],
        /^MarkupSafe-3.0.3-cp313-cp313-(win_amd64|macosx_11_0_arm64)\.whl$/i,
      ],
      ['a source distribution beside wheels', ['--no-binary', 'six', 'six==1.17.0'], /^six-1\.17\.0\.tar\.gz$/],
      ['a source distribution that is alone', ['docopt==0.6.2'], /^docopt-0\.6\.2\.tar\.gz$/],
    ] as const)('has %s', async ([, args, file], context) => {
      const venv = await requirePypiClient(context, 'pip-26')
      await using granary = await startGranary({ env: { GRANARY_UPSTREAM_PYPI: mirror.registry } })
      await using home = await homeWithPypi('pip-26', venv)
      const login = await granary.cli(home, 'login', 'pip')
      expect(login, login.stderr).toMatchObject({ code: 0 })
      const project = await home.project('app')
      await use(
        project,
        [
          ['python3', '-m', 'venv', '.venv'],
          ['pip', 'download', '--no-deps', '--dest', 'files', ...args],
        ],
        home.env,
      )
      expect(await readdir(join(project, 'files'))).toEqual([expect.stringMatching(file)])
    })
  })
})
