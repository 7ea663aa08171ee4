import { describe, expect, it } from 'vitest'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { main } from '../../src/cli/main.ts'
import { startManagement, type ManagementServer } from '../support/management-server.ts'

// `granary …` as typed, against the management API.

async function granary(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const written = { out: '', err: '' }
  const terminal = { out: (text: string) => (written.out += text), err: (text: string) => (written.err += text) }
  const code = await main(argv, { terminal, env: { HOME: '/nonexistent', GRANARY_DATA: '/nonexistent', ...env } })
  return { code, ...written }
}

const operatorOf = ({ url, key }: ManagementServer) => ({
  GRANARY_URL: url,
  GRANARY_ACCESS_KEY_ID: key.accessKeyId,
  GRANARY_SECRET_ACCESS_KEY: key.secretAccessKey,
})

const COMMANDS = [
  'login',
  'token',
  'keyring',
  'whoami',
  ...['create', 'list', 'delete'].map((verb) => `domain ${verb}`),
  ...['create', 'update', 'list', 'delete'].map((verb) => `repository ${verb}`),
  ...['create', 'list', 'delete'].map((verb) => `connection ${verb}`),
  ...['list', 'origin'].map((verb) => `package ${verb}`),
  ...['add', 'list', 'remove'].map((verb) => `reserve ${verb}`),
  ...['create', 'list', 'delete'].map((verb) => `rule ${verb}`),
  ...['list', 'tail', 'show', 'match'].map((verb) => `events ${verb}`),
  ...['create', 'list', 'show', 'update', 'enable', 'disable', 'rotate', 'test', 'delete'].map(
    (verb) => `webhook ${verb}`,
  ),
  ...['list', 'show', 'replay'].map((verb) => `deliveries ${verb}`),
  ...['create', 'list'].map((verb) => `account ${verb}`),
  ...['create', 'list', 'delete'].map((verb) => `user ${verb}`),
  ...['create', 'list', 'revoke'].map((verb) => `key ${verb}`),
  ...['create', 'list', 'update-trust', 'revoke-sessions', 'delete', 'assume'].map((verb) => `role ${verb}`),
  ...['attach-user', 'list-user', 'detach-user'].map((verb) => `policy ${verb}`),
  ...['attach-role', 'list-role', 'detach-role'].map((verb) => `policy ${verb}`),
  ...['put-domain', 'put-repository', 'get', 'delete', 'explain'].map((verb) => `policy ${verb}`),
]

/** As `bin/granary.js` has them. */
const ON_THE_MACHINE = ['serve', 'config', 'backup', 'restore', 'fsck', 'recover-key']

describe('help', () => {
  it.each(COMMANDS)('of %s has examples', async (command) => {
    const { code, out } = await granary([...command.split(' '), '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`Usage: granary ${command}`)
    expect(out).toMatch(new RegExp(`Examples:\\n  \\$ .*granary ${command}`))
    expect(out).toContain('--json')
  })

  it('lists what runs on the machine of the server, and the exit codes', async () => {
    const { code, out } = await granary(['--help'])
    expect(code).toBe(0)
    for (const name of ON_THE_MACHINE) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(out).toContain('Exit codes: 0 done')
  })

  it.each(ON_THE_MACHINE)('of %s has examples', async (command) => {
    const { code, out } = await granary([command, '--help'])
    expect(code).toBe(0)
    expect(await granary(['help', command])).toMatchObject({ code: 0, out })
    expect(out).toMatch(new RegExp(`^Usage: granary ${command}[^]*\\nExamples:\\n  \\$ .*granary ${command}`))
  })
})

describe('exit codes', () => {
  it.each([
    ['an unknown command', ['repositry']],
    ['an unknown option', ['whoami', '--nope']],
    ['a missing argument', ['domain', 'create']],
    ['a command without its verb', ['domain']],
    ['an unknown tool', ['login', 'gem']],
    ['a bad duration', ['token', '--duration', 'long']],
    ['a URL that is none', ['whoami', '--url', 'localhost:8787']],
    ['a scope for pip', ['login', 'pip', '--scope', '@acme']],
    ['a keyring for twine', ['login', 'twine', '--keyring']],
    ['a duration for no token', ['login', 'pip', '--keyring', '--duration', '1h']],
    ['a duration for a keyring', ['login', 'keyring', '--duration', '1h']],
    ['a keyring that is to be written', ['keyring', 'set', 'http://127.0.0.1/', 'aws']],
    ['a webhook without its URL', ['webhook', 'create']],
    ['a header that is none', ['webhook', 'create', 'https://ci.example/', '--header', 's3cret']],
    ['headers twice', ['webhook', 'create', 'https://ci.example/', '--header', 'a: b', '--headers-file', 'x']],
    ['a pattern file that is not there', ['webhook', 'create', 'https://ci.example/', '--pattern', '@/nonexistent']],
    ['nothing to change', ['webhook', 'update', 'wh_4Tz0xU7QvH2cLr9KpWn5Ys']],
    ['nothing to replay', ['deliveries', 'replay']],
    ['a delivery and a webhook', ['deliveries', 'replay', 'x', '--webhook', 'y']],
    ['an unknown state', ['deliveries', 'list', '--state', 'lost']],
    ['a time that is none', ['deliveries', 'list', '--since', 'yesterday']],
    ['a pattern for no event', ['events', 'match', '{}']],
    ['a command of the machine', ['serve', '--port', '0']],
  ])('are 2 for %s', async (_, argv) => {
    const { code, out, err } = await granary(argv, { GRANARY_TOKEN: 't' })
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(err).not.toBe('')
  })

  it('tell what went wrong', async () => {
    await using server = await startManagement()
    const env = operatorOf(server)
    expect(await granary(['whoami'], { GRANARY_URL: server.url })).toMatchObject({ code: 3 })
    const wrong = { ...env, GRANARY_SECRET_ACCESS_KEY: 'wrong' }
    expect(await granary(['whoami'], wrong)).toMatchObject({
      code: 3,
      err: expect.stringMatching(/^granary: .*signature/),
    })
    expect(await granary(['domain', 'delete', 'absent'], env)).toMatchObject({ code: 4 })
    expect(await granary(['domain', 'create', 'local'], env)).toMatchObject({ code: 1 })
    expect(await granary(['whoami', '--url', 'http://127.0.0.1:9'], env)).toMatchObject({ code: 1 })
  })
})

describe('commands', () => {
  it('make, show and delete', async () => {
    await using server = await startManagement()
    const env = operatorOf(server)
    const done = async (...argv: string[]) => {
      const result = await granary(argv, env)
      expect(result, `${argv.join(' ')}: ${result.err}`).toMatchObject({ code: 0 })
      return result.out
    }
    const json = async (...argv: string[]) => JSON.parse(await done(...argv, '--json')) as unknown

    expect(await done('domain', 'create', 'team')).toBe(
      'Created arn:aws:codeartifact:us-east-1:000000000000:domain/team\n',
    )
    await done('repository', 'create', 'store', '--domain', 'team', '--connection', 'public:npmjs')
    expect(await done('repository', 'create', 'app', '--domain', 'team', '--upstream', 'store')).toMatch(
      /^Upstreams +store$/m,
    )
    expect(await json('repository', 'list', '--domain', 'team')).toMatchObject([{ name: 'app' }, { name: 'store' }])
    expect(await done('repository', 'update', 'app', '--domain', 'team', '--no-upstream')).not.toContain('Upstreams')
    expect(await granary(['repository', 'update', 'app', '--domain', 'team'], env)).toMatchObject({ code: 2 })

    const origin = await done('package', 'origin', 'npm:@acme/hello', '--publish', 'allow', '--upstream', 'block')
    expect(origin).toMatch(/Publish +ALLOW\nUpstream +BLOCK\n/)
    expect(await json('package', 'origin', 'npm:@acme/hello', '--upstream', 'allow')).toEqual({
      restrictions: { publish: 'ALLOW', upstream: 'ALLOW' },
    })
    const merge = await done('package', 'merge', 'pypi:numpy', '--mode', 'extra-wheels')
    expect(merge).toMatch(/Sources +merged: extra-wheels\nSaid by +main\nUpstreams +every connection .* is told/)
    expect(await json('package', 'merge', 'pypi:numpy')).toEqual({
      mode: 'extra-wheels',
      setIn: 'main',
      asksUpstreams: true,
    })
    expect(await granary(['package', 'merge', 'pypi:numpy', '--mode', 'some'], env)).toMatchObject({ code: 2 })
    const onNpm = await granary(['package', 'merge', 'npm:lodash', '--mode', 'all'], env)
    expect(onNpm).toMatchObject({ code: 1, err: expect.stringContaining('Sources of npm packages cannot be merged') })
    expect(await json('package', 'list')).toMatchObject([{ format: 'npm', namespace: 'acme', package: 'hello' }])

    expect(await json('reserve', 'add', 'npm:@acme/')).toEqual([{ format: 'npm', prefix: '@acme/' }])
    await done('reserve', 'remove', 'npm:@acme/')
    expect(await granary(['reserve', 'remove', 'npm:@acme/'], env)).toMatchObject({ code: 4 })

    const rule = (await json('rule', 'create', '--deny', 'npm:lodash@4.17.20', '--reason', 'old')) as { id: string }
    expect(await done('rule', 'list')).toContain('npm:lodash@4.17.20')
    await done('rule', 'delete', rule.id)

    await done('user', 'create', 'bob')
    const key = (await json('key', 'create', 'bob')) as { accessKeyId: string; secretAccessKey: string }
    await done('policy', 'attach-user', 'bob', '--document', 'reader')
    expect(await done('policy', 'list-user', 'bob')).toMatch(/^reader:\n\{/)
    const asBob = { GRANARY_ACCESS_KEY_ID: key.accessKeyId, GRANARY_SECRET_ACCESS_KEY: key.secretAccessKey }
    expect(await granary(['domain', 'list'], { ...env, ...asBob })).toMatchObject({ code: 0 })
    expect(await granary(['domain', 'create', 'mine'], { ...env, ...asBob })).toMatchObject({ code: 3 })
    await done('key', 'revoke', 'bob', key.accessKeyId)
    await done('user', 'delete', 'bob')

    const { events } = (await json('events', 'list', '--limit', '1000')) as { events: { type: string }[] }
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['Domain Created', 'Rule Deleted', 'User Deleted']),
    )
    expect(await done('token')).toMatch(/^eyJ[\w.-]+\n$/)
  })

  it('know the other registry of `connection create --url` from the server', async () => {
    await using server = await startManagement()
    const { GRANARY_URL, ...key } = operatorOf(server)
    const create = ['connection', 'create', 'private:x', '--format', 'npm', '--url', 'https://npm.partner.example']
    const folder = await mkdtemp(path.join(tmpdir(), 'granary-cli-'))
    try {
      const file = path.join(folder, 'credentials.json')
      await writeFile(file, '{"type":"basic","username":"me","password":"their-secret"}')
      const made = await granary(['--url', GRANARY_URL, ...create, '--credentials-file', file, '--json'], key)
      expect(made.err).toBe('')
      expect(JSON.parse(made.out)).toMatchObject({ url: 'https://npm.partner.example/', hasCredentials: true })
      expect(made.out).not.toContain('their-secret')
      await writeFile(file, '{"their-secret')
      const broken = await granary([...create, '--credentials-file', file], { ...key, GRANARY_URL })
      expect(broken.code).toBe(2)
      expect(broken.err).not.toContain('their-secret')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('show what a login would write, without its token', async () => {
    await using server = await startManagement()
    const { code, out } = await granary(['login', 'npm', '--dry-run'], { ...operatorOf(server), HOME: '/home/nobody' })
    expect(code).toBe(0)
    expect(out).toBe(
      `write to /home/nobody/.npmrc:\n  registry = ${server.url}/npm/local/main/\n` +
        `  //${new URL(server.url).host}/npm/local/main/:_authToken = ***\n`,
    )
  })

  it('show what a login without a token would write', async () => {
    await using server = await startManagement()
    const argv = ['login', 'uv', '--keyring', '--dry-run']
    const { code, out } = await granary(argv, { ...operatorOf(server), HOME: '/home/nobody' })
    expect(code).toBe(0)
    expect(out).toContain('  keyring-provider = "subprocess"\n')
    expect(out).toContain(`  url = "${server.url.replace('://', '://aws@')}/pypi/local/main/simple/"\n`)
    expect(out).not.toContain('***')
  })

  it.each([
    ['the index of a repository', 'http://host/pypi/local/main/simple/', 0],
    ['a file of it', 'http://host/pypi/local/main/packages/aa/bb/cc/a-1.0.0.tar.gz', 0],
    ['the bare host', 'host', 1],
    ['another host', 'http://granary.example/pypi/local/main/simple/', 1],
    ['another port', 'http://127.0.0.1:1/pypi/local/main/simple/', 1],
    ['a repository that is not there', 'http://host/pypi/local/other/simple/', 4],
    ['what is no repository', 'http://host/simple/', 1],
  ])('answer as keyring does for %s', async (_, asked, expected) => {
    await using server = await startManagement()
    const service = asked.replace(/(?<=^|\/)host/, new URL(server.url).host)
    const found = await granary(['keyring', 'get', service, 'aws'], operatorOf(server))
    expect(found.code, found.err).toBe(expected)
    expect(found.out).toMatch(expected === 0 ? /^eyJ[\w.-]+\n$/ : /^$/)
    const both = await granary(['keyring', '--mode', 'creds', 'get', service], operatorOf(server))
    expect(both.code, both.err).toBe(expected)
    expect(both.out).toMatch(expected === 0 ? /^aws\neyJ[\w.-]+\n$/ : /^$/)
    const asJson = await granary(['keyring', '--mode=creds', '--output=json', 'get', service, 'me'], operatorOf(server))
    expect(asJson.code, asJson.err).toBe(expected)
    expect(asJson.out).toMatch(expected === 0 ? /^\{"username":"me","password":"eyJ[\w.-]+"\}\n$/ : /^$/)
  })

  it('make webhooks, and show their keys once', async () => {
    await using server = await startManagement()
    const env = operatorOf(server)
    const done = async (...argv: string[]) => {
      const result = await granary(argv, env)
      expect(result, `${argv.join(' ')}: ${result.err}`).toMatchObject({ code: 0 })
      return result.out
    }
    const json = async <T>(...argv: string[]) => JSON.parse(await done(...argv, '--json')) as T
    const folder = await mkdtemp(path.join(tmpdir(), 'granary-cli-'))
    try {
      const pattern = path.join(folder, 'pattern.json')
      await writeFile(pattern, '{ "detail": { "packageFormat": ["npm"] } }')
      const headers = path.join(folder, 'headers.json')
      await writeFile(headers, '{ "Authorization": "Bearer h1dden" }')

      const url = 'https://ci.example/hook?token=t0psecret'
      const made = await done('webhook', 'create', url, '--pattern', `@${pattern}`, '--headers-file', headers)
      expect(made).toMatch(/^URL +https:\/\/ci\.example\/hook\?token=\*\*\*$/m)
      expect(made).toMatch(/^Headers +Authorization$/m)
      expect(made).toMatch(/It is not shown again:\nwhsec_[A-Za-z0-9+/]+=*\n$/)
      const [id = ''] = /wh_\w{22}/.exec(made) ?? []
      const shown = await done('webhook', 'show', id)
      expect(made.startsWith(shown)).toBe(true)
      expect(shown).not.toContain('whsec_')
      expect(await done('webhook', 'list')).toMatch(new RegExp(`^${id} +enabled +https`, 'm'))

      const moved = await done('webhook', 'update', id, '--to', 'https://ci2.example/', '--header', 'X-Ref: a: b')
      expect(moved).toMatch(/^Headers +X-Ref$/m)
      expect(await done('webhook', 'update', id, '--no-headers', '--pattern', '')).not.toContain('Headers')
      expect(await done('webhook', 'disable', id, '--reason', 'moving')).toMatch(
        /^State +disabled\nDisabled .*: moving$/m,
      )
      expect(await granary(['webhook', 'test', id], env)).toMatchObject({ code: 1 })
      await done('webhook', 'enable', id)
      const rotated = await done('webhook', 'rotate', id, '--overlap', '1h')
      expect(rotated).toMatch(/^Key +of \S+Z\nKey +of \S+Z, signs until \S+Z\n/m)
      expect(rotated).toMatch(/\nwhsec_\S+\n$/)

      const tested = await json<{ event: string; delivery: string }>('webhook', 'test', id)
      expect(await done('deliveries', 'list', '--webhook', id, '--state', 'pending', '--since', '1h')).toContain(
        tested.delivery,
      )
      expect(await done('deliveries', 'show', tested.delivery)).toMatch(/^State +pending$/m)
      expect(await granary(['deliveries', 'replay', tested.delivery], env)).toMatchObject({ code: 1 })
      expect(await done('deliveries', 'replay', '--webhook', id)).toBe('Sending 0 deliveries again\n')
      expect(await json('deliveries', 'replay', '--webhook', id, '--since', '1h')).toEqual({ replayed: 0 })

      const data = path.join(folder, 'event.json')
      await writeFile(data, await done('events', 'show', tested.event))
      const isTest = '{"detail-type":["Webhook Tested"]}'
      expect(await done('events', 'match', isTest, '--event', tested.event)).toBe('It matches.\n')
      expect(await done('events', 'match', isTest, '--data', `@${data}`)).toBe('It matches.\n')
      expect(await done('events', 'match', `@${pattern}`, '--data', `@${data}`)).toBe('It does not match.\n')
      await done('webhook', 'delete', id)
      expect(await granary(['webhook', 'show', id], env)).toMatchObject({ code: 4 })
      expect(await done('webhook', 'list')).toBe('There are no webhooks.\n')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('keep headers to themselves that they cannot read', async () => {
    for (const argv of [
      ['webhook', 'create', 'https://ci.example/', '--header', 'h1dden'],
      ['webhook', 'create', 'https://ci.example/', '--header', 'A: h1dden', '--header', 'A: h1dden'],
    ]) {
      const { code, err } = await granary(argv, { GRANARY_TOKEN: 't' })
      expect(code).toBe(2)
      expect(err).not.toContain('h1dden')
    }
  })
})
