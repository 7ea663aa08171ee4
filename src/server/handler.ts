import type { AnyOperation, InputOf, Members, Operation, OutputOf, ResourceKind, Schema } from '../api/operation.ts'
import type { RoleSessions } from '../auth/role-sessions.ts'
import type { Sealer } from '../auth/secrets.ts'
import type { Tokens } from '../auth/tokens.ts'
import type { Format } from '../formats/format.ts'
import type { AccessQuestion, Authorizer } from '../registry/authorize.ts'
import type { RecordedEvent } from '../registry/events.ts'
import type { ManageContext } from '../registry/manage.ts'
import type { Instant, KnownCaller, Repository } from '../registry/model.ts'
import type { AccountId, DomainName, FormatId, PackageName, RepositoryName } from '../registry/names.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import type { Registry } from '../registry/registry.ts'
import type { DomainView, Topology } from '../registry/topology.ts'
import type { HealthReads } from '../registry/upstream-health.ts'

/** What the engine that sends events does for the management API. */
export type WebhookTools = {
  /** Throws `invalid` with the place of every mistake. */
  checkPattern(pattern: string): void
  /** Whether the pattern matches an event as it goes over the wire (`data`). */
  matches(pattern: string, data: unknown): boolean
  /** `data` of an event, as receivers and patterns see it. */
  dataOf(event: RecordedEvent): unknown
  /** Throws `invalid` for a URL that no webhook may have (scheme, credentials in it, fragment, an address that is not public and not on the operator's list). */
  checkUrl(url: string): Promise<void>
  /** A new signing key: what the receiver is given once (`whsec_…`) and the raw bytes. */
  mintSecret(): { shown: string; key: Uint8Array }
}

/** What the upstreams of this process do for the management API. */
export type UpstreamTools = HealthReads & {
  /** Who answers: what it says of upstreams is what it saw itself. */
  readonly refresh: Registry['refreshPackage']
  readonly process: { readonly host: string; readonly pid: number; readonly startedAt: Instant }
}

/** What the management API is made of. */
export type ManagementParts = {
  readonly store: MetadataStore
  readonly topology: Topology
  readonly authorizer: Authorizer
  readonly tokens: Pick<Tokens, 'issue'>
  readonly sessions: Pick<RoleSessions, 'issue'>
  readonly sealer: Pick<Sealer, 'seal' | 'open'>
  readonly clock: Clock
  readonly webhooks: WebhookTools
  readonly upstreams: UpstreamTools
  readonly formats: readonly Pick<Format, 'id' | 'parseName' | 'ecosystem'>[]
  readonly config: {
    readonly region: string
    /** The account whose principals can be operators: it owns what all accounts share. */
    readonly operatorAccount: AccountId
    readonly publicUrls: readonly string[]
    /** The program's, for the OpenAPI document. */
    readonly version: string
  }
  /** The URL of a repository as a client that used `host` reaches it, ending in a slash. */
  readonly endpointOf: (host: string, format: FormatId, domain: DomainName, repository: RepositoryName) => string
}

/** What an operation is about, by its kind of resource. The permission was asked for already. */
export type Targets = {
  readonly caller: null
  readonly installation: null
  readonly account: { readonly account: AccountId }
  readonly user: { readonly account: AccountId }
  readonly role: { readonly account: AccountId }
  readonly 'new-domain': { readonly name: DomainName; readonly owner: AccountId }
  readonly domain: { readonly view: DomainView }
  readonly 'new-repository': { readonly view: DomainView; readonly name: RepositoryName }
  readonly repository: { readonly view: DomainView; readonly repository: Repository }
  readonly package: { readonly view: DomainView; readonly repository: Repository; readonly name: PackageName }
}

export type HandlerContext<R extends ResourceKind = ResourceKind> = {
  readonly parts: ManagementParts
  readonly caller: KnownCaller
  readonly target: Targets[R]
  /** For plans. */
  readonly manage: ManageContext
  /** As received: with the port, where there is one. */
  readonly host: string
  /** Asks for a further permission of the same caller; throws `forbidden`. */
  readonly require: (
    question: Pick<
      AccessQuestion,
      'action' | 'resource' | 'owner' | 'domain' | 'repository' | 'identityPoliciesOnly' | 'trust' | 'context'
    >,
  ) => Promise<void>
}

/** One operation and what carries it out. */
export type Handler = {
  readonly operation: AnyOperation
  readonly handle: (input: never, context: never) => Promise<unknown>
}

/** Ties a handler to its operation: input and output are typed by it. */
export const handler = <M extends Members, Out extends Schema, R extends ResourceKind>(
  operation: Operation<M, Out, R>,
  handle: (
    input: InputOf<{ readonly input: M }>,
    context: HandlerContext<R>,
  ) => Promise<OutputOf<{ readonly output: Out }>>,
): Handler => ({ operation, handle })
