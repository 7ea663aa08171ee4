import { managementEvent } from './events.ts'
import type { Change } from './changes.ts'
import type { AccessKey, Connection, Instant, User } from './model.ts'
import {
  parseAccountId,
  parseConnectionName,
  parseDomainName,
  parseRepositoryName,
  type ConnectionName,
  type RepositoryName,
} from './names.ts'

/** What a first start makes, so that two commands are enough to use the registry. A default that was deleted does not come back. */
export const DEFAULTS = {
  account: parseAccountId('000000000000'),
  user: 'admin',
  domain: parseDomainName('local'),
  repository: parseRepositoryName('main'),
  stores: [
    { name: parseRepositoryName('npm-store'), connection: parseConnectionName('public:npmjs') },
    { name: parseRepositoryName('pypi-store'), connection: parseConnectionName('public:pypi') },
  ],
} as const

/** The setting whose creation decides which of several processes that start first at once makes the defaults. */
export const INSTALLATION = 'installation'

/** The setting that names (and tells nothing else of) the master key that secrets are sealed under. */
export const MASTER_KEY = 'master-key'

export function planBootstrap(what: {
  /** UUID of the installation; the issuer of its tokens. */
  readonly installation: string
  readonly user: User
  readonly key: AccessKey
  readonly administratorPolicy: string
  /** `Sealer.keyId` */
  readonly masterKeyId: string
  /** The connections that every installation has. */
  readonly connections: readonly Connection[]
  readonly now: Instant
  readonly id: () => string
}): readonly Change[] {
  const { user, key, now } = what
  const repository = (
    name: RepositoryName,
    description: string,
    upstreams: readonly RepositoryName[],
    connections: readonly ConnectionName[],
  ) =>
    ({
      change: 'create-repository',
      repository: {
        domain: DEFAULTS.domain,
        name,
        administrator: user.account,
        description,
        createdAt: now,
        upstreams,
        connections,
      },
    }) as const
  return [
    // First: another process that was quicker refuses the whole commit here.
    { change: 'create-setting', key: INSTALLATION, value: what.installation },
    { change: 'create-setting', key: MASTER_KEY, value: what.masterKeyId },
    { change: 'create-account', account: { id: user.account, createdAt: now } },
    { change: 'create-user', user },
    {
      change: 'put-identity-policy',
      policy: { account: user.account, userName: user.name, name: 'administrator', document: what.administratorPolicy },
    },
    { change: 'create-access-key', key },
    { change: 'create-domain', domain: { name: DEFAULTS.domain, owner: user.account, createdAt: now, reserved: [] } },
    ...what.connections.map((connection) => ({ change: 'create-connection' as const, connection })),
    ...DEFAULTS.stores.map((store) =>
      repository(store.name, `What came from ${store.connection}`, [], [store.connection]),
    ),
    repository(
      DEFAULTS.repository,
      'Install from here and publish here',
      DEFAULTS.stores.map((store) => store.name),
      [],
    ),
    {
      change: 'announce',
      event: managementEvent({
        id: what.id(),
        type: 'Installation Created',
        time: now,
        actor: 'granary:system',
        account: user.account,
        detail: { installation: what.installation, domain: DEFAULTS.domain },
      }),
    },
  ]
}
