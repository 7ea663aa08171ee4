import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { accessKeyContext, mintAccessKeyId, mintSecret, mintUserId } from './auth/identifiers.ts'
import type { Sealer } from './auth/secrets.ts'
import { ConfigError } from './config.ts'
import { ADMINISTRATOR } from './policy/access/presets.ts'
import { DEFAULTS, INSTALLATION, MASTER_KEY, planBootstrap } from './registry/bootstrap.ts'
import { RegistryError } from './registry/errors.ts'
import type { AccessKey, Connection, User } from './registry/model.ts'
import type { Clock, MetadataStore } from './registry/ports.ts'

type Parts = {
  readonly store: MetadataStore
  readonly sealer: Sealer
  readonly clock: Clock
  readonly data: string
  readonly connections: readonly Connection[]
}
type Key = { readonly id: string; readonly secret: string }

/**
 * The installation's id; on the first start it is made, with the defaults and the first access key. Of several processes that
 * start first at once one wins: its commit creates the installation, the others' are refused and they use what it made.
 */
export async function firstStart(
  parts: Parts,
  givenKey: Key | null,
): Promise<{ readonly installation: string; readonly isFirst: boolean }> {
  const existing = await parts.store.findSetting(INSTALLATION)
  if (existing !== undefined) {
    await refuseOtherMasterKey(parts)
    await adoptCredentials(parts)
    return { installation: existing, isFirst: false }
  }
  const installation = randomUUID()
  const now = parts.clock.now()
  const user: User = { account: DEFAULTS.account, name: DEFAULTS.user, id: mintUserId(), createdAt: now }
  const { key, secret } = makeKey(parts, user, givenKey)
  // Written before the commit, under a name of its own: a process that is killed between the two leaves it to be adopted.
  const draft = givenKey === null ? await draftCredentials(parts.data, { id: key.id, secret }) : null
  try {
    await parts.store.commit(
      planBootstrap({
        installation,
        connections: parts.connections,
        user,
        key,
        administratorPolicy: ADMINISTRATOR,
        masterKeyId: parts.sealer.keyId,
        now,
        id: randomUUID,
      }),
    )
  } catch (error) {
    if (draft !== null) await rm(draft, { force: true })
    const winner =
      error instanceof RegistryError && error.code === 'conflict'
        ? await parts.store.findSetting(INSTALLATION)
        : undefined
    if (winner === undefined) throw error
    await refuseOtherMasterKey(parts)
    return { installation: winner, isFirst: false }
  }
  if (draft !== null) await nameCredentials(draft, parts.data)
  return { installation, isFirst: true }
}

/** Under another key nothing that is sealed would open: every log-in would fail, each with an error that nobody expects. */
export async function refuseOtherMasterKey({ store, sealer }: Pick<Parts, 'store' | 'sealer'>): Promise<void> {
  const sealedUnder = await store.findSetting(MASTER_KEY)
  if (sealedUnder === undefined || sealedUnder === sealer.keyId) return
  throw new ConfigError(
    `The secrets here are sealed under the master key ${sealedUnder}, but the one in use is ${sealer.keyId}: start with the key that this data was made with`,
  )
}

export const CREDENTIALS = 'credentials'

export function makeKey(
  { sealer, clock }: Pick<Parts, 'sealer' | 'clock'>,
  user: User,
  given: Key | null,
): { key: AccessKey; secret: string } {
  const { id, secret } = given ?? { id: mintAccessKeyId(), secret: mintSecret() }
  const key: AccessKey = {
    id,
    account: user.account,
    userName: user.name,
    userId: user.id,
    secret: sealer.seal(secret, accessKeyContext(id)),
    createdAt: clock.now(),
    revokedAt: null,
  }
  return { key, secret }
}

/** In the AWS credentials file format, so that AWS_SHARED_CREDENTIALS_FILE can name it. Returns the draft's path. */
export async function draftCredentials(data: string, { id, secret }: Key): Promise<string> {
  const path = join(data, `${CREDENTIALS}.${randomUUID()}`)
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(`[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  return path
}

/** Takes over the draft of a first start that was killed after its commit; drafts whose key does not exist are left-overs. */
async function adoptCredentials({ data, store }: Parts): Promise<void> {
  const names = await readdir(data)
  if (names.includes(CREDENTIALS)) return
  for (const name of names.filter((candidate) => candidate.startsWith(`${CREDENTIALS}.`))) {
    const path = join(data, name)
    const id = /aws_access_key_id = (\w+)/.exec(await readFile(path, 'utf8').catch(() => ''))?.[1]
    if (id !== undefined && (await store.findAccessKey(id))) return nameCredentials(path, data)
  }
}

/** The process that wrote a draft and one that starts right then may both do it: the draft is gone for whoever comes second. */
async function nameCredentials(draft: string, data: string): Promise<void> {
  await rename(draft, join(data, CREDENTIALS)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}
