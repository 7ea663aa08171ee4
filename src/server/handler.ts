import type { AnyOperation, InputOf, Members, Operation, OutputOf, ResourceKind, Schema } from '../api/operation.ts'
import type { Sealer } from '../auth/secrets.ts'
import type { Tokens } from '../auth/tokens.ts'
import type { Format } from '../formats/format.ts'
import type { AccessQuestion, Authorizer } from '../registry/authorize.ts'
import type { ManageContext } from '../registry/manage.ts'
import type { Caller, Repository } from '../registry/model.ts'
import type { AccountId, DomainName, FormatId, PackageName, RepositoryName } from '../registry/names.ts'
import type { Clock, MetadataStore } from '../registry/ports.ts'
import type { DomainView, Topology } from '../registry/topology.ts'

/** What the management API is made of. */
export type ManagementParts = {
  readonly store: MetadataStore
  readonly topology: Topology
  readonly authorizer: Authorizer
  readonly tokens: Pick<Tokens, 'issue'>
  readonly sealer: Pick<Sealer, 'seal'>
  readonly clock: Clock
  readonly formats: readonly Pick<Format, 'id' | 'parseName'>[]
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

export type UserCaller = Extract<Caller, { kind: 'user' }>

/** What an operation is about, by its kind of resource. The permission was asked for already. */
export type Targets = {
  readonly caller: null
  readonly installation: null
  readonly account: { readonly account: AccountId }
  readonly user: { readonly account: AccountId }
  readonly 'new-domain': { readonly name: DomainName; readonly owner: AccountId }
  readonly domain: { readonly view: DomainView }
  readonly 'new-repository': { readonly view: DomainView; readonly name: RepositoryName }
  readonly repository: { readonly view: DomainView; readonly repository: Repository }
  readonly package: { readonly view: DomainView; readonly repository: Repository; readonly name: PackageName }
}

export type HandlerContext<R extends ResourceKind = ResourceKind> = {
  readonly parts: ManagementParts
  readonly caller: UserCaller
  readonly target: Targets[R]
  /** For plans. */
  readonly manage: ManageContext
  /** As received: with the port, where there is one. */
  readonly host: string
  /** Asks for a further permission of the same caller; throws `forbidden`. */
  readonly require: (
    question: Pick<AccessQuestion, 'action' | 'resource' | 'owner' | 'domain' | 'context'>,
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
