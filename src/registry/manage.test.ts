import { describe, expect, it } from 'vitest'
import { planCreateConnection, planDeleteConnection } from './manage-connections.ts'
import {
  planCreateDomain,
  planCreateRule,
  planDeleteDomain,
  planDeleteRule,
  planPutReservedPrefixes,
} from './manage-domains.ts'
import {
  planAssociateConnection,
  planCreateRepository,
  planDeleteRepository,
  planDisassociateConnection,
  planUpdateRepository,
} from './manage-repositories.ts'
import type { ManageContext } from './manage.ts'
import { UNLIMITED, ANONYMOUS, type Connection, type Repository } from './model.ts'
import { parseAccountId, parseConnectionName, parseDomainName, parseRepositoryName } from './names.ts'
import type { DomainView } from './topology.ts'

const OWNER = parseAccountId('111122223333')
const TEAM = parseDomainName('team')
const context: ManageContext = { caller: ANONYMOUS, now: 1000, id: () => 'an-id' }
const refusedWith = (code: string) => expect.objectContaining({ code })

const repository = (name: string, rest: Partial<Repository> = {}): Repository => ({
  domain: TEAM,
  name: parseRepositoryName(name),
  administrator: OWNER,
  description: null,
  createdAt: 1,
  upstreams: [],
  connections: [],
  ...rest,
})
const connection = (name: string, builtIn = false): Connection => ({
  name: parseConnectionName(name),
  format: 'npm',
  url: 'https://npm.example/',
  fileOrigins: [],
  credentials: null,
  builtIn,
  ...UNLIMITED,
})

const npmjs = connection('public:npmjs', true)
const store = repository('store', { connections: [npmjs.name] })
const main = repository('main', { upstreams: [store.name], description: 'old' })

const viewOf = (repositories: readonly Repository[], rules: DomainView['rules'] = []): DomainView => ({
  counter: 7,
  domain: { name: TEAM, owner: OWNER, createdAt: 1, reserved: [] },
  repositories: new Map(repositories.map((one) => [one.name, one])),
  connections: new Map([[npmjs.name, npmjs]]),
  rules,
})
const view = viewOf([store, main])

describe('plans for domains', () => {
  it('announce what they change, as the last of their changes', () => {
    const { domain, changes } = planCreateDomain(context, { name: TEAM, owner: OWNER })
    expect(domain).toEqual({ name: TEAM, owner: OWNER, createdAt: 1000, reserved: [] })
    expect(changes).toEqual([
      { change: 'create-domain', domain },
      {
        change: 'announce',
        event: {
          id: 'an-id',
          type: 'Domain Created',
          time: 1000,
          actor: 'anonymous',
          account: OWNER,
          subject: 'domain/team',
          detail: { domainName: TEAM, domainOwner: OWNER, actor: 'anonymous' },
        },
      },
    ])
  })

  it('delete only what is empty', () => {
    expect(() => planDeleteDomain(context, view)).toThrow(refusedWith('conflict'))
    expect(planDeleteDomain(context, viewOf([]))).toEqual([
      { change: 'delete-domain', domain: TEAM },
      expect.objectContaining({ change: 'announce' }),
    ])
  })

  it('reserve a prefix once', () => {
    const acme = { format: 'npm', prefix: 'acme/' } as const
    const python = { format: 'pypi', prefix: 'acme/' } as const
    expect(planPutReservedPrefixes(context, view, [acme, python, acme]).reserved).toEqual([acme, python])
  })

  it('make and delete rules', () => {
    const deny = { kind: 'deny-list', packages: [], reason: 'no' } as const
    const { rule, changes } = planCreateRule(context, view, { repository: main.name, rule: deny })
    expect(rule).toEqual({ id: 'an-id', domain: TEAM, repository: main.name, rule: deny })
    expect(changes[0]).toEqual({ change: 'create-rule', rule })
    const absent = { repository: parseRepositoryName('absent'), rule: deny }
    expect(() => planCreateRule(context, view, absent)).toThrow(refusedWith('not_found'))
    expect(planDeleteRule(context, viewOf([], [rule]), 'an-id')[0]).toEqual({
      change: 'delete-rule',
      domain: TEAM,
      id: 'an-id',
    })
    expect(() => planDeleteRule(context, view, 'another')).toThrow(refusedWith('not_found'))
  })
})

describe('plans for repositories', () => {
  const wish = { administrator: OWNER, description: null, upstreams: [main.name] }

  it('make one', () => {
    const made = planCreateRepository(context, view, { ...wish, name: parseRepositoryName('app') })
    expect(made.repository).toMatchObject({ name: 'app', upstreams: ['main'], connections: [], createdAt: 1000 })
    expect(made.changes[0]).toEqual({ change: 'create-repository', repository: made.repository })
  })

  it.each([
    ['that is there', 'main', [], 'conflict'],
    ['with an upstream that is not there', 'app', ['absent'], 'not_found'],
    ['with itself as upstream', 'app', ['app'], 'invalid'],
    ['with one upstream twice', 'app', ['main', 'main'], 'invalid'],
    ['with 11 upstreams', 'app', Array.from({ length: 11 }, (_, at) => `r${at}`), 'quota'],
  ])('refuse one %s', (_, name, upstreams, code) => {
    const what = { ...wish, name: parseRepositoryName(name), upstreams: upstreams.map(parseRepositoryName) }
    expect(() => planCreateRepository(context, view, what)).toThrow(refusedWith(code))
  })

  it('refuse the thousand and first', () => {
    const what = { ...wish, name: parseRepositoryName('app') }
    const full = (count: number) => {
      const others = Array.from({ length: count - 1 }, (_, at) => parseRepositoryName(`r${at}`))
      const repositories = new Map([main.name, ...others].map((name) => [name, { ...main, name }]))
      return () => planCreateRepository(context, { ...view, repositories }, what)
    }
    expect(full(999)).not.toThrow()
    expect(full(1_000)).toThrow(refusedWith('quota'))
  })

  it('change what is wished for and leave the rest, if nothing else changed meanwhile', () => {
    const renamed = planUpdateRepository(context, view, main, { description: 'new' })
    expect(renamed.changes[0]).toEqual({
      change: 'set-repository',
      repository: { ...main, description: 'new' },
      plannedAt: 7,
    })
    expect(planUpdateRepository(context, view, main, { upstreams: [] }).repository).toEqual({ ...main, upstreams: [] })
    expect(() => planUpdateRepository(context, view, store, { upstreams: [main.name] })).toThrow(refusedWith('invalid'))
  })

  it('add and remove connections', () => {
    expect(planAssociateConnection(context, view, main, npmjs.name).repository.connections).toEqual([npmjs.name])
    expect(() => planAssociateConnection(context, view, store, npmjs.name)).toThrow(refusedWith('conflict'))
    const absent = parseConnectionName('private:absent')
    expect(() => planAssociateConnection(context, view, main, absent)).toThrow(refusedWith('not_found'))
    expect(planDisassociateConnection(context, view, store, npmjs.name).repository.connections).toEqual([])
    expect(() => planDisassociateConnection(context, view, main, npmjs.name)).toThrow(refusedWith('not_found'))
  })

  it('delete one that nobody draws from', () => {
    expect(() => planDeleteRepository(context, view, store)).toThrow('Repository store is an upstream of main')
    expect(planDeleteRepository(context, view, main)[0]).toEqual({
      change: 'delete-repository',
      domain: TEAM,
      repository: main.name,
    })
  })
})

describe('plans for connections', () => {
  const wish = { name: parseConnectionName('private:x'), format: 'npm', fileOrigins: [], credentials: null } as const

  it('end the URL in a slash, and spell origins in one way', () => {
    const { connection: made } = planCreateConnection(context, {
      ...wish,
      url: 'https://NPM.example:443/root',
      fileOrigins: ['https://files.example', 'https://FILES.example/'],
    })
    expect(made).toMatchObject({
      url: 'https://npm.example/root/',
      fileOrigins: ['https://files.example'],
      builtIn: false,
    })
  })

  it.each([
    ['a user in it', 'https://user:secret@npm.example/', /credentials apart/],
    ['a query', 'https://npm.example/?token=x', /no query/],
    ['another scheme', 'file:///etc/passwd', /not an http or https URL/],
    ['no URL', 'npm.example', /not an http or https URL/],
  ])('refuse a URL with %s', (_, url, message) => {
    expect(() => planCreateConnection(context, { ...wish, url })).toThrow(message)
  })

  it('refuse an origin with a path', () => {
    const what = { ...wish, url: 'https://npm.example/', fileOrigins: ['https://files.example/a'] }
    expect(() => planCreateConnection(context, what)).toThrow('it has a path')
  })

  it('delete all but those that are built in', () => {
    expect(() => planDeleteConnection(context, npmjs)).toThrow(refusedWith('forbidden'))
    expect(planDeleteConnection(context, connection('private:x'))[0]).toEqual({
      change: 'delete-connection',
      connection: 'private:x',
    })
  })
})
