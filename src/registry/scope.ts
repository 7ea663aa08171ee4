import type { Caller, Domain, Repository } from './model.ts'
import type { DomainView } from './topology.ts'

/** Where a request arrived, and who sent it. */
export type Scope = {
  readonly caller: Caller
  readonly view: DomainView
  readonly domain: Domain
  readonly repository: Repository
}
