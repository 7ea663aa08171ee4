import { RegistryError, type ErrorDetails } from '../../../registry/errors.ts'
import type { Change, ChangeKind } from '../../../registry/changes.ts'
import type { Instant } from '../../../registry/model.ts'
import type { DomainName, FormatId, PackageKey } from '../../../registry/names.ts'
import type { Refusal, Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'

/** The counter of one package name in one domain. */
export type PackageCounter = { readonly domain: DomainName; readonly format: FormatId; readonly key: PackageKey }

export type ChangeOf<K extends ChangeKind> = Extract<Change, { change: K }>

/** How one kind of change is written down. */
export type Plan<C extends Change> = {
  /** The counter that it moves: every answer made from what it changes is bound to that one. */
  readonly moves: 'topology' | 'none' | ((change: C) => PackageCounter)
  /** `now` stands in where the change itself names no time. */
  readonly statements: (
    queries: Queries,
    change: C,
    now: Instant,
  ) => readonly Statement[] | Promise<readonly Statement[]>
}

export type Plans<K extends ChangeKind> = { readonly [P in K]: Plan<ChangeOf<P>> }

export const missing =
  (what: string, resourceId: string, resourceType?: ErrorDetails['resourceType']): Refusal =>
  () =>
    new RegistryError('not_found', `${what} ${resourceId} does not exist`, {
      resourceId,
      ...(resourceType && { resourceType }),
    })

export const conflict =
  (message: string, resourceId: string, resourceType?: ErrorDetails['resourceType']): Refusal =>
  () =>
    new RegistryError('conflict', message, { resourceId, ...(resourceType && { resourceType }) })

export const exists = (what: string, resourceId: string, resourceType?: ErrorDetails['resourceType']): Refusal =>
  conflict(`${what} ${resourceId} exists already`, resourceId, resourceType)
