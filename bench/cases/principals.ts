import { operations } from '../../src/api/index.ts'
import { openClient, type Client } from '../../src/cli/client.ts'
import { load } from '../load.ts'
import { startGranary, type GranaryPeer } from '../peers/granary.ts'
import { median, round, target, type Row } from '../report.ts'
import { untilIdle } from '../server-process.ts'
import type { Case } from './bench-case.ts'

const NAME = 'express'
const HEADERS = { accept: 'application/vnd.npm.install-v1+json', 'accept-encoding': 'gzip' }
const CONNECTIONS = 32
const PRINCIPALS = 1_000
const ACCOUNT = '222233334444'
const OWNER = '000000000000'
const WARM_UP_SECONDS = 2

const policy = (...statements: readonly object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements })

/** Each with a document of its own, so that no two share what was parsed. */
const installs = (user: string) =>
  policy(
    { Sid: `Reads${user}`, Effect: 'Allow', Action: 'codeartifact:ReadFromRepository', Resource: '*' },
    { Effect: 'Allow', Action: ['codeartifact:GetAuthorizationToken', 'sts:GetServiceBearerToken'], Resource: '*' },
    { Effect: 'Deny', Action: 'codeartifact:Delete*', Resource: `arn:aws:codeartifact:*:*:package/*/npm/${user}/*` },
  )

const guests = (action: string) =>
  policy({ Sid: 'Guests', Effect: 'Allow', Principal: { AWS: ACCOUNT }, Action: action, Resource: '*' })

/** Tokens of so many users of another account, whom the domain and the repository let in by their policies. */
async function addGuests(peer: GranaryPeer, count: number): Promise<readonly string[]> {
  const owner = peer.client()
  await owner.call(operations.createAccount, { id: ACCOUNT })
  await owner.call(operations.putDomainPermissionsPolicy, {
    domain: 'local',
    policyDocument: guests('codeartifact:GetAuthorizationToken'),
  })
  await owner.call(operations.putRepositoryPermissionsPolicy, {
    domain: 'local',
    repository: 'main',
    policyDocument: guests('codeartifact:ReadFromRepository'),
  })
  const tokens: string[] = []
  for (let number = 0; number < count; number += 1) tokens.push(await addGuest(peer, owner, `user-${number}`))
  return tokens
}

async function addGuest(peer: GranaryPeer, owner: Client, user: string): Promise<string> {
  const at = { account: ACCOUNT, user }
  await owner.call(operations.createUser, at)
  await owner.call(operations.attachUserPolicy, { ...at, policy: 'installs', document: installs(user) })
  const { accessKeyId, secretAccessKey } = await owner.call(operations.createAccessKey, at)
  const credentials = { kind: 'access-key', accessKeyId, secretAccessKey, sessionToken: null } as const
  const guest = openClient({ url: peer.origin, region: 'us-east-1', credentials })
  const made = await guest.call(operations.getAuthorizationToken, { domain: 'local', domainOwner: OWNER })
  return made.authorizationToken
}

/**
 * A warm packument asked by one principal, and by a thousand in turn, each with a token and a policy of its own: of one server, since
 * two processes that run the same differ by more than what is looked for.
 */
export const principals: Case = async ({ mirror, rounds, seconds }) => {
  await using server = await startGranary(mirror.registry)
  const all = await addGuests(server, PRINCIPALS)
  const asked = [
    { peer: `granary, 1 of ${PRINCIPALS}`, tokens: all.slice(0, 1) },
    { peer: `granary, ${PRINCIPALS} in turn`, tokens: all },
  ]
  const run = async ({ peer, tokens }: (typeof asked)[number], duration: number) => {
    const before = server.usage().cpuSeconds
    const url = `${server.registry}${NAME}`
    const loaded = await load({ url, headers: HEADERS, tokens, connections: CONNECTIONS, seconds: duration })
    if (loaded.refused > 0) throw new Error(`${peer}: ${loaded.refused} requests were refused`)
    const cpu = ((server.usage().cpuSeconds - before) * 1e6) / Math.max(loaded.requests, 1)
    await untilIdle(server)
    return { rate: loaded.requestsPerSecond, failed: loaded.failed, cpu }
  }
  const samples = asked.map(() => [] as Awaited<ReturnType<typeof run>>[])
  for (const each of asked) await run(each, WARM_UP_SECONDS)
  for (let each = 0; each < rounds; each += 1)
    for (const [at, one] of asked.entries()) samples[at]?.push(await run(one, seconds))
  const rows = asked.map(({ peer }, at): Row => {
    const taken = samples[at] ?? []
    return {
      peer,
      value: median(taken.map(({ rate }) => rate)),
      columns: {
        'CPU µs/request': round(median(taken.map(({ cpu }) => cpu))),
        'MiB resident': round(server.usage().residentMiB),
        failed: String(taken.reduce((sum, { failed }) => sum + failed, 0)),
      },
    }
  })
  const [one, many] = rows as [Row, Row]
  return [
    {
      title: `warm abbreviated packument of ${NAME} by 1 and by ${PRINCIPALS} principals of another account`,
      unit: 'requests/s',
      rows,
      targets: target(`${PRINCIPALS} principals to one`, many.value / one.value, 'least', 0.9),
    },
  ]
}
