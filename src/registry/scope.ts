import type { RequestFacts } from './authorize.ts'
import type { Caller, Domain, Repository } from './model.ts'
import type { ConnectionName } from './names.ts'
import type { Revision } from './ports.ts'
import type { DomainView } from './topology.ts'

/** Where a request arrived, and who sent it. */
export type Scope = {
  readonly caller: Caller
  /** Who that is as of a later topology counter, for what takes its time; throws `unauthenticated` where the log-in ended. */
  readonly callerAt?: (topology: number) => Promise<Caller>
  /** What the conditions of policies may look at besides. */
  readonly facts?: RequestFacts
  readonly view: DomainView
  readonly domain: Domain
  readonly repository: Repository
  /** The counter of the package that is asked for, as the request read it; null where it read none. */
  readonly packageCounter: number | null
  /** The index that the request read along with it. */
  readonly index?: { readonly connection: ConnectionName; readonly read: Revision['index'] } | null
}
