import { describe, expect, it } from 'vitest'
import { npm } from '../../formats/npm/index.ts'
import { pypi } from '../../formats/pypi/index.ts'
import type { ManagementParts } from '../handler.ts'
import { parseSubject, questionAbout } from './explained-subject.ts'

const parts = { config: { region: 'eu-west-1' }, formats: [npm, pypi] } as unknown as ManagementParts
const ARN = 'arn:aws:codeartifact:eu-west-1:111122223333'
const account = '111122223333'

describe('what is asked about', () => {
  it.each([
    ['*', { resource: '*', account: null, domain: null, repository: null }],
    [`${ARN}:domain/team`, { resource: `${ARN}:domain/team`, account, domain: 'team', repository: null }],
    [
      'arn:aws:codeartifact::111122223333:repository/team/main',
      { resource: `${ARN}:repository/team/main`, account, domain: 'team', repository: 'main' },
    ],
    [
      `${ARN}:package/team/main/npm/acme/hello`,
      { resource: `${ARN}:package/team/main/npm/acme/hello`, account, domain: 'team', repository: 'main' },
    ],
    [
      `${ARN}:package/team/main/pypi//My.Package`,
      { resource: `${ARN}:package/team/main/pypi//my-package`, account, domain: 'team', repository: 'main' },
    ],
    [
      'arn:aws:iam::111122223333:user/bob',
      { resource: 'arn:aws:iam::111122223333:user/bob', account, domain: null, repository: null },
    ],
  ])('%s is read as real requests write it', (text, expected) => {
    expect(parseSubject(parts, text)).toEqual(expected)
  })

  it.each([
    '',
    'main',
    'arn:aws:s3:::bucket',
    `${ARN}:*`,
    `${ARN}:domain/team/more`,
    `${ARN}:domain/*`,
    `${ARN}:repository/team`,
    `${ARN}:repository/team/*`,
    `${ARN}:package/team/main/npm/hello`,
    `${ARN}:package/team/main/cargo//hello`,
    `${ARN}:package-group/team/x`,
    'arn:aws:codeartifact:us-east-1:111122223333:domain/team',
    'arn:aws:codeartifact:eu-west-1:1111:domain/team',
  ])('%j is refused', (text) => {
    expect(() => parseSubject(parts, text)).toThrow(expect.objectContaining({ code: 'invalid' }))
  })
})

it('whether a domain may be made is not for the policies of one that is there', async () => {
  const view = { domain: { owner: account }, repositories: new Map() }
  const there = { ...parts, topology: { find: async () => view } } as unknown as ManagementParts
  const subject = parseSubject(there, `${ARN}:domain/team`)
  const ask = (action: string) => questionAbout(there, subject, { caller: { kind: 'anonymous' }, action, topology: 1 })
  expect(await ask('codeartifact:CreateDomain')).toMatchObject({ identityPoliciesOnly: true })
  expect(await ask('codeartifact:DescribeDomain')).toMatchObject({ identityPoliciesOnly: false })
})
