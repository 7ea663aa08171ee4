import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { startManagement, type ManagementServer } from '../support/management-server.ts'

// `granary policy …` for domains and repositories, as typed.

const typing =
  ({ url, key }: ManagementServer) =>
  async (...argv: readonly string[]) => {
    const written = { out: '', err: '' }
    const terminal = { out: (text: string) => (written.out += text), err: (text: string) => (written.err += text) }
    const env = {
      HOME: '/nonexistent',
      GRANARY_DATA: '/nonexistent',
      GRANARY_URL: url,
      GRANARY_ACCESS_KEY_ID: key.accessKeyId,
      GRANARY_SECRET_ACCESS_KEY: key.secretAccessKey,
    }
    const code = await main(['policy', ...argv], { terminal, env })
    return { code, ...written }
  }

const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
const READERS = document({
  Sid: 'Readers',
  Effect: 'Allow',
  Principal: { AWS: '000000000000' },
  Action: 'codeartifact:ReadFromRepository',
  Resource: '*',
})
const STRANGERS = document({
  Effect: 'Allow',
  Principal: '*',
  Action: 'codeartifact:ReadFromRepository',
  Resource: '*',
  Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } },
})

it('puts, shows and deletes policies, of a domain and of a repository', async () => {
  await using server = await startManagement()
  const policy = typing(server)
  const folder = await mkdtemp(join(tmpdir(), 'granary-policy-'))
  try {
    await writeFile(join(folder, 'readers.json'), `${READERS}\n`)
    const put = await policy('put-domain', 'local', '--document', `@${join(folder, 'readers.json')}`)
    expect(put).toMatchObject({ code: 0, err: '' })
    const [, revision = ''] =
      /^Put revision (\S+) on arn:aws:codeartifact:us-east-1:000000000000:domain\/local\n$/.exec(put.out) ?? []
    expect(await policy('get')).toEqual({
      code: 0,
      out: `${READERS}\n`,
      err: `Revision ${revision} of arn:aws:codeartifact:us-east-1:000000000000:domain/local\n`,
    })
    expect(await policy('get', '--repository', 'main')).toMatchObject({ code: 4, out: '' })
    expect(await policy('put-domain', 'local', '--document', STRANGERS, '--revision', 'r0')).toMatchObject({ code: 1 })
    expect(await policy('delete', '--revision', 'r0')).toMatchObject({ code: 1 })
    expect(await policy('delete', '--revision', revision)).toMatchObject({
      code: 0,
      out: 'Deleted the policy of arn:aws:codeartifact:us-east-1:000000000000:domain/local\n',
    })

    const onMain = await policy('put-repository', 'main', '--domain', 'local', '--document', READERS, '--json')
    expect(JSON.parse(onMain.out)).toMatchObject({ resourceArn: expect.stringMatching(/:repository\/local\/main$/) })
    expect(await policy('delete', '--repository', 'main')).toMatchObject({ code: 0 })
    expect(await policy('delete', '--repository', 'main')).toMatchObject({ code: 4 })
  } finally {
    await rm(folder, { recursive: true })
  }
})

it('warns whoever opens something to everyone', async () => {
  await using server = await startManagement()
  const policy = typing(server)
  expect(await policy('put-repository', 'main', '--document', STRANGERS)).toMatchObject({
    code: 0,
    err: 'granary: warning: statement 0 allows codeartifact:ReadFromRepository to everyone, also to who is not logged in, where its conditions hold\n',
  })
})

it('explains', async () => {
  await using server = await startManagement()
  const policy = typing(server)
  await policy('put-repository', 'main', '--document', STRANGERS)
  const read = ['--action', 'ReadFromRepository', '--resource'] as const
  const anonymous = ['explain', '--principal', 'anonymous', ...read] as const

  const denied = await policy(...anonymous, 'repository', 'main', '--domain', 'local')
  expect(denied.code).toBe(0)
  expect(denied.out).toMatch(/^DENIED\n/)
  expect(denied.out).toMatch(/^Because +no resource-based policy allows it to everyone$/m)
  expect(denied.out).toMatch(/^Looked at +repository\/local\/main \(resource\)$/m)
  const inside = ['repository', 'main', '--context', 'aws:SourceIp=203.0.113.7'] as const
  const allowed = await policy(...anonymous, ...inside)
  expect(allowed.out).toMatch(/^ALLOWED\n/)
  expect(allowed.out).toMatch(/^Statement +number 1 of repository\/local\/main \(resource\)$/m)
  expect(JSON.parse((await policy(...anonymous, ...inside, '--json')).out)).toMatchObject({
    allowed: true,
    decidedBy: { side: 'resource', policy: 'repository/local/main', statement: 0 },
  })

  // Nobody named: yourself.
  for (const resource of [
    ['domain'],
    ['repository', 'npm-store'],
    ['package', 'npm:@acme/hello', '--repository', 'main'],
    ['arn:aws:codeartifact:us-east-1:000000000000:repository/local/main'],
    ['*'],
  ]) {
    const { out } = await policy('explain', ...read, ...resource)
    expect(out, resource.join(' ')).toMatch(/^ALLOWED\n/)
    expect(out).toMatch(/^Statement +Everything of administrator \(identity\)$/m)
  }
})

it.each([
  ['a document that is none', ['put-domain', 'local', '--document', 'reader']],
  ['a file that is not there', ['put-domain', 'local', '--document', '@/nonexistent']],
  ['no document', ['put-domain', 'local']],
  ['no resource', ['explain', '--action', 'ReadFromRepository']],
  ['a resource that is none', ['explain', '--action', 'ReadFromRepository', '--resource', 'main']],
  ['a package without its repository', ['explain', '--action', 'A', '--resource', 'package', 'npm:x']],
  ['a context that is none', ['explain', '--action', 'A', '--resource', '*', '--context', 'aws:SourceIp']],
])('is misused with %s', async (_, argv) => {
  await using server = await startManagement()
  expect(await typing(server)(...argv)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/\S/) })
})
