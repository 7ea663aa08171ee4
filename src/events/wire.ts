import { PACKAGE_VERSION_EVENT, type RecordedEvent } from '../registry/events.ts'
import {
  arn,
  packageName,
  type AccountId,
  type DomainName,
  type FormatId,
  type RepositoryName,
} from '../registry/names.ts'

/** An event as EventBridge would pass it on: what patterns are matched on, and `data` of what goes over the wire. */
export type EventData = {
  readonly version: '0'
  readonly id: string
  readonly 'detail-type': string
  readonly source: 'aws.codeartifact' | 'granary'
  /** Of whoever receives it. */
  readonly account: string
  /** `2030-01-31T12:00:00Z` */
  readonly time: string
  readonly region: string
  /** ARN of the package or the domain that it is about; empty for other things. */
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
}

/** A body of Standard Webhooks stays below 20 kB; the rest of it and of `data` needs far less than the difference. */
const MAX_DETAIL_BYTES = 16_000

/** The same event gives the same data, at each attempt. */
export function eventData(
  event: RecordedEvent,
  { region, account }: { readonly region: string; readonly account: AccountId },
): EventData {
  return {
    version: '0',
    id: event.id,
    'detail-type': event.type,
    source: isOfPackage(event) ? 'aws.codeartifact' : 'granary',
    account,
    time: new Date(event.time).toISOString().replace(/\.\d+Z$/, 'Z'),
    region,
    resources: resourcesOf(event, region),
    detail: { ...bounded(event.detail), sequenceNumber: event.sequence, eventDeduplicationId: event.id },
  }
}

/** Standard Webhooks' body of a message: `{type, timestamp, data}` as UTF-8. What is signed is what is sent. */
export const wireBody = (event: RecordedEvent, data: EventData): Uint8Array =>
  Buffer.from(JSON.stringify({ type: wireType(event), timestamp: new Date(event.time).toISOString(), data }))

/** Dots and `[a-z0-9_]` only: `package_version.created`, `user_policy.attached`. */
export function wireType({ type, detail }: Pick<RecordedEvent, 'type' | 'detail'>): string {
  if (type === PACKAGE_VERSION_EVENT) return `package_version.${words(String(detail['operationType'])).join('_')}`
  const all = words(type)
  const verb = all.pop() ?? 'event'
  return all.length === 0 ? verb : `${all.join('_')}.${verb}`
}

const words = (text: string): string[] => text.toLowerCase().match(/[a-z0-9]+/g) ?? []

const isOfPackage = ({ type }: RecordedEvent): boolean => type === PACKAGE_VERSION_EVENT

function resourcesOf(event: RecordedEvent, region: string): readonly string[] {
  if (isOfPackage(event)) return [packageArn(event.detail, region)]
  const [kind, domain] = event.subject.split('/')
  if (kind !== 'domain' || domain === undefined || event.account === null) return []
  return [arn.domain(region, event.account, domain as DomainName)]
}

function packageArn(detail: RecordedEvent['detail'], region: string): string {
  const { domainOwner, domainName, repositoryName, packageFormat, packageNamespace, packageName: name } = detail
  return arn.package(
    region,
    domainOwner as AccountId,
    domainName as DomainName,
    repositoryName as RepositoryName,
    packageName(packageFormat as FormatId, packageNamespace as string | null, name as string),
  )
}

/** Leaves out the largest members until the rest is small enough, and says which: whoever needs them asks the API. */
function bounded(detail: RecordedEvent['detail']): RecordedEvent['detail'] {
  const sizes = Object.entries(detail).map(([name, value]) => ({ name, bytes: bytesOf(name) + bytesOf(value) + 2 }))
  let total = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total <= MAX_DETAIL_BYTES) return detail
  const omitted = new Set<string>()
  for (const { name, bytes } of sizes.toSorted((a, b) => b.bytes - a.bytes)) {
    if (total <= MAX_DETAIL_BYTES) break
    omitted.add(name)
    total -= bytes
  }
  const kept = Object.entries(detail).filter(([name]) => !omitted.has(name))
  return { ...Object.fromEntries(kept), omittedMembers: [...omitted] }
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')
