import { describe, expect, it } from 'vitest'
import { packageVersionEvent, type RecordedEvent } from '../registry/events.ts'
import type { PackageVersion } from '../registry/model.ts'
import type { AccountId } from '../registry/names.ts'
import { eventData, wireBody, wireType } from './wire.ts'

const OWNER = '111122223333' as AccountId
const RECEIVER = { region: 'us-east-1', account: '444455556666' as AccountId }
const TIME = Date.UTC(2030, 0, 31, 12, 0, 0, 250)

const packageEvent = (operation: 'Created' | 'Updated' | 'Deleted', key = 'acme/hello'): RecordedEvent => ({
  ...packageVersionEvent(
    {
      domain: 'team',
      repository: 'main',
      format: 'npm',
      key,
      version: '1.0.0',
      status: 'Published',
      revision: 'r1',
      origin: 'INTERNAL',
    } as unknown as PackageVersion,
    {
      id: '5f0c4f52-6b0e-4a53-9a6e-4b4fd3e1f0a7',
      time: TIME,
      actor: 'arn:aws:iam::111122223333:user/bob',
      domainOwner: OWNER,
      administrator: OWNER,
      operation,
      assets: { assetsAdded: 1 },
      metadataUpdated: true,
      statusChanged: true,
    },
  ),
  sequence: 7,
  state: 'pending',
})

const managementEvent = (more: Partial<RecordedEvent>): RecordedEvent => ({
  id: 'e1',
  type: 'Domain Created',
  time: TIME,
  actor: 'x',
  account: OWNER,
  subject: 'domain/team',
  detail: { domain: 'team', actor: 'x' },
  sequence: 1,
  state: 'pending',
  ...more,
})

describe('data', () => {
  it("has EventBridge's envelope and CodeArtifact's detail", () => {
    expect(eventData(packageEvent('Created'), RECEIVER)).toEqual({
      version: '0',
      id: '5f0c4f52-6b0e-4a53-9a6e-4b4fd3e1f0a7',
      'detail-type': 'CodeArtifact Package Version State Change',
      source: 'aws.codeartifact',
      account: '444455556666',
      time: '2030-01-31T12:00:00Z',
      region: 'us-east-1',
      resources: ['arn:aws:codeartifact:us-east-1:111122223333:package/team/main/npm/acme/hello'],
      detail: {
        domainName: 'team',
        domainOwner: '111122223333',
        repositoryName: 'main',
        repositoryAdministrator: '111122223333',
        packageFormat: 'npm',
        packageNamespace: 'acme',
        packageName: 'hello',
        packageVersion: '1.0.0',
        packageVersionState: 'Published',
        packageVersionRevision: 'r1',
        packageVersionOrigin: 'INTERNAL',
        changes: { assetsAdded: 1, assetsRemoved: 0, assetsUpdated: 0, metadataUpdated: true, statusChanged: true },
        operationType: 'Created',
        actor: 'arn:aws:iam::111122223333:user/bob',
        sequenceNumber: 7,
        eventDeduplicationId: '5f0c4f52-6b0e-4a53-9a6e-4b4fd3e1f0a7',
      },
    })
  })

  it.each([
    ['a package without namespace', packageEvent('Created', 'hello'), ['package/team/main/npm//hello']],
    ['a domain', managementEvent({}), ['domain/team']],
    ['the installation', managementEvent({ subject: 'installation', type: 'User Created' }), []],
    ['a domain of nobody', managementEvent({ account: null }), []],
  ])('names %s', (_what, event, expected) => {
    const prefix = 'arn:aws:codeartifact:us-east-1:111122223333:'
    expect(eventData(event, RECEIVER).resources).toEqual(expected.map((each) => prefix + each))
  })

  it('is of Granary where CodeArtifact has no such event', () => {
    const data = eventData(managementEvent({}), RECEIVER)
    expect(data).toMatchObject({ source: 'granary', 'detail-type': 'Domain Created' })
    expect(data.detail).toEqual({ domain: 'team', actor: 'x', sequenceNumber: 1, eventDeduplicationId: 'e1' })
  })

  it('leaves out the largest members of what would be too much, and says which', () => {
    const detail = { document: 'x'.repeat(30_000), list: ['é'.repeat(7_000)], small: 1 }
    const data = eventData(managementEvent({ detail }), RECEIVER)
    expect(data.detail).toEqual({
      list: detail.list,
      small: 1,
      omittedMembers: ['document'],
      sequenceNumber: 1,
      eventDeduplicationId: 'e1',
    })
    const both = managementEvent({ detail: { ...detail, other: ['é'.repeat(7_000)] } })
    expect(eventData(both, RECEIVER).detail['omittedMembers']).toHaveLength(2)
    expect(wireBody(both, eventData(both, RECEIVER)).length).toBeLessThan(20_000)
  })
})

describe('the body', () => {
  it('is the same bytes each time', () => {
    const body = () => wireBody(packageEvent('Created'), eventData(packageEvent('Created'), RECEIVER))
    expect(Buffer.compare(body(), body())).toBe(0)
    const { data, ...rest } = JSON.parse(body().toString()) as Record<string, unknown>
    expect(rest).toEqual({ type: 'package_version.created', timestamp: '2030-01-31T12:00:00.250Z' })
    expect(data).toEqual(eventData(packageEvent('Created'), RECEIVER))
  })

  // P-93: what a package says of itself stays inside its string.
  it.each(['"},"ref":"evil', '\u2028\n\\', '</script>'])('holds %j as a value', (packageVersion) => {
    const event = packageEvent('Created')
    const hostile = { ...event, detail: { ...event.detail, packageVersion } }
    const read = JSON.parse(wireBody(hostile, eventData(hostile, RECEIVER)).toString()) as {
      data: { detail: Record<string, unknown> }
    }
    expect(read.data.detail).toEqual(eventData(hostile, RECEIVER).detail)
    expect(read.data.detail['packageVersion']).toBe(packageVersion)
  })
})

it.each([
  ['Domain Created', 'domain.created'],
  ['User Policy Attached', 'user_policy.attached'],
  ['Package Origin Controls Changed', 'package_origin_controls.changed'],
  ['Started', 'started'],
  // P-89: whatever becomes of names, no line end and no further dot.
  ['Odd.Thing\nHappened', 'odd_thing.happened'],
  ['', 'event'],
])('the type of %j is %s', (type, expected) => expect(wireType({ type, detail: {} })).toBe(expected))

it.each(['Created', 'Updated', 'Deleted'] as const)('the type of a version that was %s', (operation) =>
  expect(wireType(packageEvent(operation))).toBe(`package_version.${operation.toLowerCase()}`),
)
