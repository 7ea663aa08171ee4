import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { carryOut, describeSteps } from './carry-out.ts'
import { keyring } from './keyring.ts'
import { npm, yarn } from './npm.ts'
import { setNetrc } from './netrc.ts'
import { pip, twine, uv } from './pypi.ts'
import { hatch, pdm, pipenv, poetry } from './python-projects.ts'
import type { Place, Registry, Step, Tool } from './setup.ts'
import { setTomlParts } from './toml-parts.ts'
import { setTomlTable } from './toml-table.ts'

const TOKEN = 'eyJhbGciOiJFZERTQSJ9.e30.c2ln'

const registryAt = (url: string, scope: string | null = null): Registry => ({
  endpoint: new URL(url),
  server: 'http://127.0.0.1:8787',
  token: TOKEN,
  keyring: false,
  scope,
})
const NPM = registryAt('http://127.0.0.1:8787/npm/local/main/')
const PYPI = registryAt('http://127.0.0.1:8787/pypi/local/main/')
const WITHOUT_TOKEN: Registry = { ...PYPI, token: '', keyring: true }

const place = (rest: Partial<Place> = {}): Place => ({
  home: '/home/me',
  program: ['/usr/bin/node', '/opt/granary/bin/granary.js'],
  platform: 'linux',
  env: {},
  exists: () => false,
  output: async () => null,
  ...rest,
})

/** What each file holds afterwards that held `before`. */
async function edited(tool: Tool, registry: Registry, where: Place, before = ''): Promise<Record<string, string>> {
  const steps = await tool.plan(registry, where)
  return Object.fromEntries(steps.flatMap((step) => (step.step === 'edit' ? [[step.file, step.write(before)]] : [])))
}

const commands = (steps: readonly Step[]) =>
  steps.flatMap((step) => (step.step === 'run' ? [[step.program, ...step.args].join(' ')] : []))

describe('npm, pnpm and bun', () => {
  it('keep what else is in the file', async () => {
    const before = 'fund=false\nregistry=https://old.example/\n@other:registry=https://other.example/\n'
    expect(await edited(npm, NPM, place(), before)).toEqual({
      '/home/me/.npmrc':
        'fund=false\nregistry = http://127.0.0.1:8787/npm/local/main/\n@other:registry=https://other.example/\n' +
        `//127.0.0.1:8787/npm/local/main/:_authToken = ${TOKEN}\n`,
    })
  })

  it('take a scope only, in the file that npm is told to use', async () => {
    const scoped = registryAt('https://granary.example/npm/local/main/', '@acme')
    expect(await edited(npm, scoped, place({ env: { NPM_CONFIG_USERCONFIG: '/etc/me.npmrc' } }))).toEqual({
      '/etc/me.npmrc':
        '@acme:registry = https://granary.example/npm/local/main/\n' +
        `//granary.example/npm/local/main/:_authToken = ${TOKEN}\n`,
    })
  })
})

describe('yarn', () => {
  it('has npm send the token always, in version 1', async () => {
    const files = await edited(yarn, NPM, place({ output: async () => '1.22.22' }))
    expect(files['/home/me/.npmrc']).toContain('//127.0.0.1:8787/npm/local/main/:always-auth = true\n')
  })

  it('is told by its own command later on, with the hosts that it knows', async () => {
    const answers: Record<string, string> = { '--version': '4.9.0', config: '["other.example"]' }
    const output: Place['output'] = async (_, [first = '']) => answers[first] ?? null
    const steps = await yarn.plan(NPM, place({ output }))
    expect(commands(steps)).toEqual([
      'yarn config set --home npmRegistryServer http://127.0.0.1:8787/npm/local/main',
      `yarn config set --home npmRegistries["//127.0.0.1:8787/npm/local/main"].npmAuthToken ${TOKEN}`,
      'yarn config set --home npmRegistries["//127.0.0.1:8787/npm/local/main"].npmAlwaysAuth true',
      'yarn config set --home --json unsafeHttpWhitelist ["other.example","127.0.0.1"]',
    ])
    // Before the token is in it, and after Yarn may have written the file anew.
    expect([steps[0], steps.at(-1)]).toEqual([
      { step: 'protect', file: '/home/me/.yarnrc.yml' },
      { step: 'protect', file: '/home/me/.yarnrc.yml' },
    ])
  })
})

describe('pip', () => {
  const url = (host: string) => `index-url = http://aws:${TOKEN}@${host}/pypi/local/main/simple/\n`

  it.each([
    ['Linux', {}, '/home/me/.config/pip/pip.conf'],
    ['Linux with a folder of its own', { env: { XDG_CONFIG_HOME: '/xdg' } }, '/xdg/pip/pip.conf'],
    ['macOS', { platform: 'darwin' }, '/home/me/.config/pip/pip.conf'],
    [
      'macOS with its old folder',
      { platform: 'darwin', exists: () => true },
      '/home/me/Library/Application Support/pip/pip.conf',
    ],
  ] as const)('finds its file on %s', async (_, rest, file) => {
    expect(await edited(pip, PYPI, place(rest))).toEqual({ [file]: `[global]\n${url('127.0.0.1:8787')}` })
  })

  it('trusts plain http elsewhere, besides what it trusts', async () => {
    const before = '[global]\nindex_url = https://old.example/\ntrusted-host = other.example\n'
    const files = await edited(pip, registryAt('http://granary.example:8787/pypi/local/main/'), place(), before)
    expect(Object.values(files)).toEqual([
      `[global]\n${url('granary.example:8787')}trusted-host = other.example\n    granary.example:8787\n`,
    ])
  })

  it('needs to trust nobody over https', async () => {
    const files = await edited(pip, registryAt('https://granary.example/pypi/local/main/'), place())
    expect(Object.values(files).join('')).not.toContain('trusted-host')
  })
})

describe('twine', () => {
  it('keeps other indexes, and logs in twice as well as once', async () => {
    const before = '[distutils]\nindex-servers = other\n\n[other]\nrepository = https://other.example/\n'
    const { '/home/me/.pypirc': once = '' } = await edited(twine, PYPI, place(), before)
    expect(once).toBe(
      '[distutils]\nindex-servers =\n    other\n    granary\n\n[other]\nrepository = https://other.example/\n\n' +
        `[granary]\nrepository = http://127.0.0.1:8787/pypi/local/main/\nusername = aws\npassword = ${TOKEN}\n`,
    )
    expect(await edited(twine, PYPI, place(), once)).toEqual({ '/home/me/.pypirc': once })
  })
})

describe('uv', () => {
  it('writes its parts around the rest of its file, and anew', async () => {
    const before =
      '# mine\ncache-dir = "/cache"\npublish-url = "https://old.example/"\n\n[[index]]\nurl = "https://a.example/"\npublish-url = "https://a.example/up"\n'
    const { '/home/me/.config/uv/uv.toml': once = '' } = await edited(uv, PYPI, place(), before)
    expect(once.split('\n')).toEqual([
      expect.stringMatching(/^# granary: begin/),
      `publish-url = "http://aws:${TOKEN}@127.0.0.1:8787/pypi/local/main/"`,
      '# granary: end',
      '',
      '# mine',
      'cache-dir = "/cache"',
      '',
      '[[index]]',
      'url = "https://a.example/"',
      'publish-url = "https://a.example/up"',
      '',
      expect.stringMatching(/^# granary: begin/),
      '[[index]]',
      'name = "granary"',
      `url = "http://aws:${TOKEN}@127.0.0.1:8787/pypi/local/main/simple/"`,
      'default = true',
      '# granary: end',
      '',
    ])
    expect(await edited(uv, PYPI, place(), once)).toEqual({ '/home/me/.config/uv/uv.toml': once })
    expect(await edited(uv, PYPI, place(), once.replaceAll(TOKEN, 'old'))).toEqual({
      '/home/me/.config/uv/uv.toml': once,
    })
  })

  it('keeps what people wrote behind its parts', () => {
    const parts = { settings: ['a = 1'], tables: ['[t]'] }
    const once = setTomlParts('', parts)
    expect(setTomlParts(`${once}[own]\na = 2\n`, parts)).toBe(once.replace('end\n\n', 'end\n\n[own]\na = 2\n\n'))
  })
})

describe('without a token', () => {
  it('pip asks for one', async () => {
    expect(await edited(pip, WITHOUT_TOKEN, place())).toEqual({
      '/home/me/.config/pip/pip.conf':
        '[global]\nindex-url = http://aws@127.0.0.1:8787/pypi/local/main/simple/\nkeyring-provider = subprocess\n',
    })
  })

  it('uv asks for one, and for publishing too', async () => {
    const { '/home/me/.config/uv/uv.toml': text = '' } = await edited(uv, WITHOUT_TOKEN, place())
    expect(text).toContain(
      'publish-url = "http://aws@127.0.0.1:8787/pypi/local/main/"\nkeyring-provider = "subprocess"\n',
    )
    expect(text).toContain('\nurl = "http://aws@127.0.0.1:8787/pypi/local/main/simple/"\n')
  })
})

describe('a keyring', () => {
  const files = (root: string) =>
    ['keyringrc.cfg', 'granary/granary_keyring.py', 'granary/granary_servers.json'].map((file) => path.join(root, file))

  it.each([
    ['linux', {}, '/home/me/.config/python_keyring'],
    ['linux', { XDG_CONFIG_HOME: '/xdg' }, '/xdg/python_keyring'],
    ['darwin', {}, '/home/me/.config/python_keyring'],
    ['win32', { LOCALAPPDATA: '/local' }, '/local/Python Keyring'],
    ['win32', {}, '/home/me/AppData/Local/Python Keyring'],
  ] as const)('on %s is where the library looks for it (%j)', async (platform, env, root) => {
    const steps = await keyring.plan(WITHOUT_TOKEN, place({ platform, env }))
    expect(steps.flatMap((step) => (step.step === 'edit' ? [step.file] : []))).toEqual(files(root))
    const settings = steps.find((step) => step.step === 'edit')
    const chosen = `[backend]\ndefault-keyring = granary_keyring.Keyring\nkeyring-path = ${root}/granary\n`
    expect(settings?.write('')).toBe(chosen)
    expect(settings?.write(chosen)).toBe(chosen)
    expect(() => settings?.write('[backend]\ndefault-keyring: mine.Ring\n')).toThrow(/stays as it is/)
  })

  it('knows how to ask each server, and no secret', async () => {
    const where = place({ env: { GRANARY_DATA: '/srv/data', GRANARY_SECRET_ACCESS_KEY: 's3cret' } })
    const servers = async (before: string, exists: Place['exists'], registry = WITHOUT_TOKEN) => {
      const steps = await keyring.plan(registry, { ...where, exists })
      const step = steps.findLast((one) => one.step === 'edit')
      return step?.write(before) ?? ''
    }
    const { program } = where
    const one = { program, environment: { GRANARY_URL: 'http://127.0.0.1:8787' } }
    const first = await servers('', () => false)
    expect(JSON.parse(first)).toEqual({ 'http://127.0.0.1:8787': one })
    const elsewhere = registryAt('https://packages.example/pypi/team/main/')
    const second = await servers(first, (file) => file === '/srv/data/credentials', elsewhere)
    expect(JSON.parse(second)).toEqual({
      'http://127.0.0.1:8787': one,
      'https://packages.example': { program, environment: { ...one.environment, GRANARY_DATA: '/srv/data' } },
    })
    expect(second).not.toContain('s3cret')
  })
})

describe('poetry, pdm and hatch', () => {
  const login = `username = "aws"\npassword = "${TOKEN}"\n`
  const tables = {
    poetry: {
      '/home/me/.config/pypoetry/config.toml':
        '[repositories.granary]\nurl = "http://127.0.0.1:8787/pypi/local/main/"\n',
      '/home/me/.config/pypoetry/auth.toml': `[http-basic.granary]\n${login}`,
    },
    pdm: {
      '/home/me/.config/pdm/config.toml':
        `[pypi]\nurl = "http://127.0.0.1:8787/pypi/local/main/simple/"\n${login}\n` +
        `[repository.granary]\nurl = "http://127.0.0.1:8787/pypi/local/main/"\n${login}`,
    },
    hatch: {
      '/home/me/.config/hatch/config.toml':
        '[publish.index]\nrepo = "granary"\n\n[publish.index.repos.granary]\n' +
        `url = "http://127.0.0.1:8787/pypi/local/main/"\nuser = "aws"\nauth = "${TOKEN}"\n`,
    },
  }

  it.each([
    ['poetry', poetry],
    ['pdm', pdm],
    ['hatch', hatch],
  ] as const)('%s finds all in its own file, and nothing runs that would show the token', async (name, tool) => {
    expect(await edited(tool, PYPI, place())).toEqual(tables[name])
    expect(commands(await tool.plan(PYPI, place()))).toEqual([])
  })

  it.each([
    ['poetry', poetry, { POETRY_CONFIG_DIR: '/x' }, ['/x/config.toml', '/x/auth.toml']],
    ['pdm', pdm, { PDM_CONFIG_FILE: '/x/pdm.toml' }, ['/x/pdm.toml']],
    ['hatch', hatch, { HATCH_CONFIG: '/x/hatch.toml' }, ['/x/hatch.toml']],
    ['pdm', pdm, { XDG_CONFIG_HOME: '/xdg' }, ['/xdg/pdm/config.toml']],
  ] as const)('%s is written where the environment says', async (_, tool, env, files) => {
    expect(Object.keys(await edited(tool, PYPI, place({ env })))).toEqual(files)
  })

  it.each([
    ['darwin', poetry, '/home/me/Library/Application Support/pypoetry/auth.toml'],
    ['darwin', pdm, '/home/me/Library/Application Support/pdm/config.toml'],
    ['win32', hatch, '/home/me/AppData/Local/hatch/config.toml'],
    ['win32', poetry, '/home/me/AppData/Roaming/pypoetry/auth.toml'],
  ] as const)('on %s their files are where platformdirs has them', async (platform, tool, file) => {
    expect(Object.keys(await edited(tool, PYPI, place({ platform })))).toContain(file)
  })
})

describe('a table of a TOML file', () => {
  const set = (text: string) => setTomlTable(text, ['a', 'b'], { url: 'new', user: 'me' }, 'file.toml')
  const ours = '[a.b]\nurl = "new"\nuser = "me"\n'

  it.each([
    ['is made', '', ours],
    ['is made behind the rest', '# mine\nx = 1\n', `# mine\nx = 1\n\n${ours}`],
    [
      'keeps its other keys, its comments and what follows',
      '[a.b]\n# why\nurl = "old" # here\nother = true\n\n[c]\nurl = "c"\n',
      '[a.b]\n# why\nother = true\nurl = "new"\nuser = "me"\n\n[c]\nurl = "c"\n',
    ],
    ['is found in quotes', "['a' . \"b\"] # ours\nurl = 'old'\n", `['a' . "b"] # ours\nurl = "new"\nuser = "me"\n`],
    ['is not the one in an array', '[a.b]\n\n[[c]]\nurl = "c"\n', `${ours}\n[[c]]\nurl = "c"\n`],
    ['is not its parent', '[a]\nurl = "a"\n', `[a]\nurl = "a"\n\n${ours}`],
  ])('%s', (_, before, after) => {
    expect(set(before)).toBe(after)
    expect(set(after)).toBe(after)
  })

  it.each([
    'a.b.url = "secret"',
    'a = { b = { url = "secret" } }',
    '[a]\nb = { url = "secret" }',
    '[a]\nb.url = "secret"',
  ])('is not doubled where the file has %j', (before) => {
    expect(() => set(before)).toThrow(/^file\.toml has `[ab][^"]*`: write it as a table \[a\.b\], then log in again$/)
  })
})

describe('pipenv', () => {
  const entry = `machine 127.0.0.1 login aws password ${TOKEN}\n`

  it.each([
    ['nothing', '', entry],
    ['others', 'machine other.example login me password x\n', `${entry}machine other.example login me password x\n`],
    ['a default', 'default login anonymous\n', `${entry}default login anonymous\n`],
    [
      'an older one over several lines',
      '# mine\nmachine 127.0.0.1\n  login me\n  password old\n# theirs\nmachine other.example login x password y\n',
      `${entry}# mine\n# theirs\nmachine other.example login x password y\n`,
    ],
    [
      'a host that begins so',
      'machine 127.0.0.11 login a password b\n',
      `${entry}machine 127.0.0.11 login a password b\n`,
    ],
  ])('logs in by netrc, beside %s', async (_, before, after) => {
    expect(await edited(pipenv, PYPI, place(), before)).toEqual({ '/home/me/.netrc': after })
    expect(setNetrc(after, { host: '127.0.0.1', login: 'aws', password: TOKEN })).toBe(after)
  })

  it('is told of the mirror by whoever logs in', async () => {
    const steps = await pipenv.plan(PYPI, place())
    expect(steps.find(({ step }) => step === 'tell')).toMatchObject({
      text: expect.stringContaining('export PIPENV_PYPI_MIRROR=http://127.0.0.1:8787/pypi/local/main/simple/'),
    })
  })
})

describe('carrying out', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'granary-login-'))
  })
  afterEach(() => rm(folder, { recursive: true }))
  const modeOf = async (file: string) => (await stat(file)).mode & 0o777
  const edit = (file: string, text: string): Step => ({ step: 'edit', file, write: () => text })

  it('makes files, and folders, that only their owner reads', async () => {
    const file = path.join(folder, 'deep', 'er', 'file')
    await carryOut([edit(file, 'secret')], {})
    expect(await readFile(file, 'utf8')).toBe('secret')
    expect(await modeOf(file)).toBe(0o600)
  })

  it('takes away what others could read, and follows a link', async () => {
    const [real, link] = [path.join(folder, 'real'), path.join(folder, 'link')]
    await writeFile(real, 'old')
    await chmod(real, 0o644)
    await symlink(real, link)
    await carryOut([edit(link, 'new')], {})
    expect(await readFile(real, 'utf8')).toBe('new')
    expect(await modeOf(real)).toBe(0o600)
    const other = path.join(folder, 'other')
    await carryOut([{ step: 'protect', file: other }], {})
    expect(await modeOf(other)).toBe(0o600)
  })

  it('runs programs and says which one failed, without its arguments', async () => {
    const run = (script: string): Step => ({ step: 'run', program: process.execPath, args: ['-e', script, TOKEN] })
    expect(await carryOut([run('0'), { step: 'tell', text: 'done' }], {})).toEqual(['done'])
    const failing = carryOut([run('console.error("no such setting"); process.exit(3)')], {})
    await expect(failing).rejects.toMatchObject({ message: expect.stringMatching(/failed: no such setting$/) })
    await expect(failing).rejects.not.toMatchObject({ message: expect.stringContaining(TOKEN) })
    const missing: Step = { step: 'run', program: path.join(folder, 'absent'), args: [] }
    await expect(carryOut([missing], {})).rejects.toThrow('was not found: install it')
  })

  it('describes itself without the token', async () => {
    const file = path.join(folder, 'npmrc')
    await writeFile(file, 'fund=false\n//h/:_authToken = old\n')
    const steps: Step[] = [
      edit(file, `fund=false\n//h/:_authToken = ${TOKEN}\n`),
      { step: 'run', program: 'yarn', args: ['config', 'set', "it's", TOKEN] },
    ]
    expect(await describeSteps(steps, TOKEN)).toBe(
      `write to ${file} (replacing 1 line):\n  //h/:_authToken = ***\nrun: yarn config set 'it'\\''s' ***\n`,
    )
    expect(await readFile(file, 'utf8')).toContain('old')
  })
})
