import { describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { callerAt, callerOf, operatorCredentials, type Caller } from '../support/caller.ts'
import { eventsOf, readEvents } from '../support/event-log.ts'
import type { Granary } from '../support/granary.ts'
import { npmUpload, pypiUpload, type Upload } from '../support/publishing.ts'
import { seeded } from '../support/seeded.ts'
import { startServers, type StoreKind } from '../support/servers.ts'

const ACCOUNT = '000000000000'
const VERSIONS = 20
const RACES = 8
const RACERS = 6

/** Two processes of one installation, and its operator at each. */
type Pair = AsyncDisposable & {
  readonly servers: readonly [Granary, Granary]
  readonly callers: readonly [Caller, Caller]
}

async function startPair(kind: StoreKind): Promise<Pair> {
  const servers = await startServers(kind, 2, { GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' })
  const [first, second] = servers.all as [Granary, Granary]
  const credentials = await operatorCredentials(first.data)
  const caller = await callerOf(first, credentials)
  return {
    servers: [first, second],
    callers: [caller, callerAt(second, caller, credentials)],
    [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
  }
}

const conflict = { npm: 409, pypi: 400 } as const

describe.each(['SQLite', 'PostgreSQL'] as const)('two processes on one %s', (kind) => {
  it('see what the other published at the next request', async () => {
    await using pair = await startPair(kind)
    for (let version = 0; version < VERSIONS; version++) {
      const [one, other] = version % 2 === 0 ? pair.callers : [pair.callers[1], pair.callers[0]]
      const uploads = [
        await npmUpload('@both/see', `1.0.${version}`),
        await pypiUpload({ name: 'both-see', version: `1.0.${version}` }),
      ]
      for (const upload of uploads) {
        const answer = await one.publish(upload)
        expect(answer.status, answer.body.toString()).toBeLessThan(300)
        // Both keep an answer of the version before.
        const [seen, own] = [await other.list(upload.format, upload.name), await one.list(upload.format, upload.name)]
        expect(seen).toHaveLength(version + 1)
        expect(own).toHaveLength(version + 1)
        const url = seen.find(({ file }) => file === upload.file)?.url ?? ''
        expect((await other.get(url)).body.equals(upload.bytes)).toBe(true)
      }
    }
  })

  it('refuse at the next request whoever was deleted, lost a right or a key through the other', async () => {
    await using pair = await startPair(kind)
    const [here, there] = pair.callers
    expect((await here.publish(await npmUpload('@both/private', '1.0.0'))).status).toBe(201)
    const newReader = async (user: string) => {
      await here.api.call(operations.createUser, { account: ACCOUNT, user })
      await here.api.call(operations.attachUserPolicy, { account: ACCOUNT, user, policy: 'reader', preset: 'reader' })
      const key = await here.api.call(operations.createAccessKey, { account: ACCOUNT, user })
      const credentials = { kind: 'access-key', ...key, sessionToken: null } as const
      const caller = await callerOf(pair.servers[0], credentials)
      return { user, key, readers: [caller, callerAt(pair.servers[1], caller, credentials)] as const }
    }
    const statuses = (readers: readonly Caller[]) =>
      Promise.all(readers.map(async (reader) => (await reader.get(reader.address('npm', '@both%2fprivate'))).status))

    const deleted = await newReader('deleted')
    const stripped = await newReader('stripped')
    const revoked = await newReader('revoked')
    // More than once, so that both processes know them well.
    for (let times = 0; times < 3; times++)
      for (const { readers } of [deleted, stripped, revoked]) expect(await statuses(readers)).toEqual([200, 200])

    await there.api.call(operations.deleteUser, { account: ACCOUNT, user: deleted.user })
    expect(await statuses(deleted.readers)).toEqual([401, 401])
    await there.api.call(operations.detachUserPolicy, { account: ACCOUNT, user: stripped.user, policy: 'reader' })
    expect(await statuses(stripped.readers)).toEqual([403, 403])
    await there.api.call(operations.revokeAccessKey, {
      account: ACCOUNT,
      user: revoked.user,
      key: revoked.key.accessKeyId,
    })
    expect(await statuses(revoked.readers)).toEqual([401, 401])
    expect((await here.get(here.address('npm', '@both%2fprivate'))).status).toBe(200)
  })

  it('hold back at the next request what a rule at the other holds back', async () => {
    await using pair = await startPair(kind)
    const [here, there] = pair.callers
    const upload = await npmUpload('held-by-both', '1.0.0')
    expect((await here.publish(upload)).status).toBe(201)
    const file = (caller: Caller) => caller.address('npm', 'held-by-both/-/held-by-both-1.0.0.tgz')
    for (const caller of pair.callers) expect((await caller.get(file(caller))).status).toBe(200)
    const packages = [{ format: 'npm' as const, package: 'held-by-both' }]
    const rule = { kind: 'deny-list' as const, packages, reason: 'of a test' }
    await there.api.call(operations.createRule, { domain: 'local', rule })
    for (const caller of [here, there]) expect((await caller.get(file(caller))).status).toBe(403)
  })

  it.each([
    { what: 'different bytes: one wins', isSame: false },
    { what: 'the same bytes: all are told that it is done', isSame: true },
  ])('publish one version at once with $what, and one event tells it', async ({ isSame }) => {
    const random = seeded(`races on ${kind}`)
    await using pair = await startPair(kind)
    for (let race = 0; race < RACES; race++) {
      const version = `1.0.${race}`
      const payloads = Array.from({ length: RACERS }, () => ({ 'payload.bin': random.bytes(20_000) }))
      const one = payloads[0] ?? {}
      const racing: Upload[][] = [
        await Promise.all(payloads.map((own) => npmUpload('@both/race', version, isSame ? one : own))),
        await Promise.all(payloads.map((own) => pypiUpload({ name: 'both-race', version, files: isSame ? one : own }))),
      ]
      for (const uploads of racing) {
        const answers = await Promise.all(
          uploads.map((upload, racer) => (pair.callers[racer % 2] as Caller).publish(upload)),
        )
        const statuses = answers.map(({ status }) => status)
        const winners = uploads.filter((_, racer) => (statuses[racer] ?? 500) < 300)
        const [winner] = winners
        if (!winner) throw new Error(`Nobody won: ${statuses}`)
        expect(winners, String(statuses)).toHaveLength(isSame ? RACERS : 1)
        for (const status of statuses) if (status >= 300) expect(status).toBe(conflict[winner.format])
        for (const caller of pair.callers) {
          const listed = (await caller.list(winner.format, winner.name)).filter(({ file }) => file === winner.file)
          expect(listed).toHaveLength(1)
          expect(listed[0]?.digest).toBe(winner.format === 'npm' ? winner.integrity : winner.sha256)
        }
        expect(eventsOf(await readEvents(pair.callers[0].api), winner)).toHaveLength(1)
      }
    }
    for (const { log } of pair.servers)
      expect(log.filter(({ msg }) => msg === 'a request failed unexpectedly')).toEqual([])
  })
})
