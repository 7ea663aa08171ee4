import { describe, expect, it } from 'vitest'
import { planDeleteResourcePolicy, planPutResourcePolicy, readResourcePolicy } from './manage-policies.ts'
import type { ManageContext } from './manage.ts'
import { ANONYMOUS, type Domain, type Repository, type ResourcePolicy } from './model.ts'
import { parseAccountId, parseDomainName, parseRepositoryName } from './names.ts'

const context: ManageContext = { caller: ANONYMOUS, now: 1_790_000_000_000, id: () => 'made-here' }
const owner = parseAccountId('111122223333')
const domain: Domain = { name: parseDomainName('team'), owner, createdAt: 0, reserved: [] }
const repository: Repository = {
  domain: domain.name,
  name: parseRepositoryName('main'),
  administrator: parseAccountId('222233334444'),
  createdAt: 0,
  description: null,
  upstreams: [],
  connections: [],
}
const onDomain = { domain, repository: null }
const onRepository = { domain, repository }
const BOB = 'arn:aws:iam::222233334444:user/bob'

const stands = (on: { repository: Repository | null }, revision: string): ResourcePolicy => ({
  domain: domain.name,
  repository: on.repository?.name ?? null,
  document: '{"as":"put"}',
  principals: { [BOB]: 'AIDAFIRST' },
  revision,
})
const both = [stands(onDomain, 'd1'), stands(onRepository, 'r1')]
const conflict = expect.objectContaining({ code: 'conflict' })

describe('putting a policy', () => {
  it.each([
    ['a domain', onDomain, 'Domain Policy Put', {}],
    [
      'a repository',
      onRepository,
      'Repository Policy Put',
      { repositoryName: 'main', repositoryAdministrator: '222233334444' },
    ],
  ])('on %s replaces what stands there, and says so without the document', (_, holder, type, of) => {
    const { policy, changes } = planPutResourcePolicy(context, holder, both, {
      document: '{"new":1}',
      principals: {},
      was: undefined,
    })
    expect(policy).toEqual({
      domain: 'team',
      repository: holder.repository?.name ?? null,
      document: '{"new":1}',
      principals: {},
      revision: 'made-here',
    })
    expect(changes).toEqual([
      { change: 'put-resource-policy', policy },
      {
        change: 'announce',
        event: expect.objectContaining({
          type,
          account: owner,
          detail: {
            domainName: 'team',
            domainOwner: owner,
            ...of,
            policyRevision: 'made-here',
            actor: 'anonymous',
          },
        }),
      },
    ])
  })

  it('passes on which revision must stand there', () => {
    const wish = { document: '{"new":1}', principals: {}, was: 'r1' }
    const { changes } = planPutResourcePolicy(context, onRepository, both, wish)
    expect(changes[0]).toMatchObject({ change: 'put-resource-policy', was: 'r1' })
  })

  it('changes nothing where the same stands there and means the same', () => {
    const same = { document: '{"as":"put"}', principals: { [BOB]: 'AIDAFIRST' }, was: undefined }
    expect(planPutResourcePolicy(context, onDomain, both, same)).toEqual({ policy: both[0], changes: [] })
    expect(planPutResourcePolicy(context, onDomain, both, { ...same, was: 'd1' }).changes).toEqual([])
  })

  it.each([
    ['the same text means another user now', { document: '{"as":"put"}', principals: { [BOB]: 'AIDASECOND' } }],
    ['the same text means nobody any more', { document: '{"as":"put"}', principals: {} }],
    ['the text differs in a blank', { document: '{"as": "put"}', principals: { [BOB]: 'AIDAFIRST' } }],
  ])('is a change where %s', (_, wish) => {
    const { policy, changes } = planPutResourcePolicy(context, onDomain, both, { ...wish, was: undefined })
    expect(policy.revision).toBe('made-here')
    expect(changes).toHaveLength(2)
  })

  it.each([
    ['another revision', onDomain, both, 'd0'],
    ["the repository's revision", onDomain, both, 'r1'],
    ['a revision where nothing stands', onDomain, [], 'd1'],
  ])('is refused with %s', (_, holder, policies, was) => {
    const wish = { document: '{"as":"put"}', principals: { [BOB]: 'AIDAFIRST' }, was }
    expect(() => planPutResourcePolicy(context, holder, policies, wish)).toThrow(conflict)
  })
})

describe('deleting a policy', () => {
  it('deletes what was read, no other', () => {
    const { policy, changes } = planDeleteResourcePolicy(context, onRepository, both, undefined)
    expect(policy).toEqual(both[1])
    expect(changes).toEqual([
      { change: 'delete-resource-policy', domain: 'team', repository: 'main', was: 'r1' },
      { change: 'announce', event: expect.objectContaining({ type: 'Repository Policy Deleted' }) },
    ])
  })

  it('is refused with a stale revision, and where there is none', () => {
    expect(() => planDeleteResourcePolicy(context, onDomain, both, 'd0')).toThrow(conflict)
    expect(() => planDeleteResourcePolicy(context, onDomain, [both[1] as ResourcePolicy], undefined)).toThrow(
      expect.objectContaining({ code: 'not_found', details: { resourceType: 'domain', resourceId: 'team' } }),
    )
  })
})

it("a repository's policy is not the domain's", () => {
  expect(readResourcePolicy(both, onDomain).revision).toBe('d1')
  expect(readResourcePolicy(both, onRepository).revision).toBe('r1')
})
