import { describe, expect, it } from 'vitest'
import { parseNewPolicy, parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'
import { ADMINISTRATOR, PUBLISHER, READER } from './presets.ts'

const statement = (text: string) => `{"Version": "2012-10-17", "Statement": ${text}}`
const allow = (more: string) => statement(`{"Effect": "Allow", "Action": "*", "Resource": "*"${more}}`)
const trust = (more: string) => statement(`{"Effect": "Allow", "Action": "sts:AssumeRole"${more}}`)
const problemsOf = (text: string, kind: PolicyKind = 'identity', parse = parsePolicy) =>
  (parse(text, kind).problems ?? []).map(({ path, line, message }) => `${path}@${line} ${message}`)

describe('documents that are policies', () => {
  it.each([
    ['the administrator preset', ADMINISTRATOR],
    ['the reader preset', READER],
    ['the publisher preset', PUBLISHER],
    ['one statement without a list', allow('')],
    ['an empty Sid', allow(', "Sid": ""')],
    [
      'an Id',
      `{"Version": "2012-10-17", "Id": "x", "Statement": {"Effect": "Deny", "NotAction": ["a:*"], "NotResource": "*"}}`,
    ],
    [
      'unquoted condition values',
      allow(', "Condition": {"Bool": {"a:b": true}, "NumericLessThan": {"c:d": [1, 2.5]}}'),
    ],
    ['the old version', allow('').replace('2012', '2008')],
  ])('%s', (_, text) => {
    expect(problemsOf(text)).toEqual([])
  })

  it.each([
    ['everyone', '"*"'],
    ['everyone, at length', '{"AWS": "*"}'],
    ['an account', '{"AWS": "111122223333"}'],
    ['an account by ARN', '{"AWS": ["arn:aws:iam::111122223333:root"]}'],
    ['users and roles', '{"AWS": ["arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:role/path/ci"]}'],
    ['a session', '{"AWS": "arn:aws:sts::111122223333:assumed-role/ci/run-7"}'],
  ])('a resource policy for %s', (_, principal) => {
    expect(problemsOf(allow(`, "Principal": ${principal}`), 'resource')).toEqual([])
    expect(problemsOf(allow(`, "NotPrincipal": ${principal}`), 'resource')).toEqual([])
  })

  it.each(['"*"', '{"AWS": ["111122223333", "arn:aws:sts::111122223333:assumed-role/ci/run-7"]}'])(
    'a trust policy for %s',
    (principal) => {
      const text = trust(`, "Principal": ${principal}, "Condition": {"StringEquals": {"sts:ExternalId": "x"}}`)
      expect(problemsOf(text, 'trust', parseNewPolicy)).toEqual([])
    },
  )

  it('a session policy', () => {
    expect(problemsOf(READER, 'session', parseNewPolicy)).toEqual([])
  })

  it('knows which context keys the outcome may depend on', () => {
    const text = statement(`[
      {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:x:::home/\${aws:UserName}/*"},
      {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"aws:SourceVpc": "\${aws:PrincipalTag/vpc}"}}}
    ]`)
    expect([...(parsePolicy(text, 'identity').policy?.contextKeys ?? [])].toSorted()).toEqual([
      'aws:principaltag/vpc',
      'aws:sourcevpc',
      'aws:username',
    ])
  })
})

describe('documents that are refused, with the place', () => {
  it.each([
    ['not JSON', 'Allow everything', ['@1 this is not JSON']],
    ['text after the end', `${allow('')} {}`, ['@1 the document ends here, but more text follows']],
    ['a comma too many', '{"Version": "2012-10-17",}', ['@1 a member name in double quotes belongs here']],
    ['a bare line break in a string', '{"Version\n": 1}', ['@1 a member name in double quotes belongs here']],
    ['no object', '[]', ['@1 a policy is written as an object']],
    [
      'Effect twice',
      statement('{\n"Effect": "Allow",\n"Effect": "Deny", "Action": "*", "Resource": "*"}'),
      ['/Statement@3 "Effect" stands here twice'],
    ],
    [
      'Effect twice, once escaped',
      statement('{"Effect": "Allow", "\\u0045ffect": "Deny"}'),
      ['/Statement@1 "Effect" stands here twice'],
    ],
    [
      'a condition key twice',
      allow(', "Condition": {"Bool": {"a:b": "true", "a:b": "false"}}'),
      ['/Statement/Condition/Bool@1 "a:b" stands here twice'],
    ],
    [
      'no Version',
      '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
      ['@1 Version is missing; it is "2012-10-17"'],
    ],
    [
      'a Version from the future',
      allow('').replace('2012', '2030'),
      ['/Version@1 Version is "2012-10-17" or "2008-10-17"'],
    ],
    ['no Statement', '{"Version": "2012-10-17"}', ['@1 Statement is missing']],
    ['an empty Statement', statement('[]'), ['/Statement@1 at least one statement is needed']],
    ['a Statement that is text', statement('"*"'), ['/Statement@1 a statement is written as an object']],
    [
      'an unknown element',
      allow(', "Priority": 1'),
      ['/Statement/Priority@1 a statement has no element "Priority" here'],
    ],
    [
      'an unknown element of the policy',
      allow('').replace('{"V', '{"Comment": "", "V'),
      ['/Comment@1 a policy has no element "Comment" here'],
    ],
    [
      'element names in another case',
      allow(', "condition": {}'),
      ['/Statement/condition@1 a statement has no element "condition" here'],
    ],
    [
      'an Effect in another case',
      allow('').replace('Allow', 'allow'),
      ['/Statement/Effect@1 Effect is "Allow" or "Deny"'],
    ],
    [
      'several problems at once, each in its line',
      statement('[\n{"Effect": "Maybe"},\n{"Action": 5}]'),
      [
        '/Statement/0/Effect@2 Effect is "Allow" or "Deny"',
        '/Statement/0@2 Action is missing',
        '/Statement/0@2 Resource is missing',
        '/Statement/1@3 Effect is missing',
        '/Statement/1/Action@3 an action is written as a string',
        '/Statement/1@3 Resource is missing',
      ],
    ],
    [
      'Action and NotAction',
      allow(', "NotAction": "a:b"'),
      ['/Statement/NotAction@1 Action and NotAction exclude each other'],
    ],
    [
      'Resource and NotResource',
      allow(', "NotResource": "*"'),
      ['/Statement/NotResource@1 Resource and NotResource exclude each other'],
    ],
    ['no actions', allow('').replace('"Action": "*"', '"Action": []'), ['/Statement/Action@1 an action is needed']],
    [
      'a Principal in an identity policy',
      allow(', "Principal": "*"'),
      ['/Statement/Principal@1 a statement has no element "Principal" here'],
    ],
    [
      'one Sid twice',
      statement(
        '[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"}]',
      ),
      ['/Statement/1/Sid@1 two statements have the Sid "A"'],
    ],
    [
      'an unknown operator',
      allow(', "Condition": {"StringIs": {"a:b": "c"}}'),
      ['/Statement/Condition/StringIs/a:b@1 "StringIs" is not a condition operator'],
    ],
    [
      'an operator over nothing',
      allow(', "Condition": {"StringEquals": {}}'),
      ['/Statement/Condition/StringEquals@1 a condition operator is written as an object with at least one member'],
    ],
    [
      'a condition without values',
      allow(', "Condition": {"StringEquals": {"a:b/c": []}}'),
      ['/Statement/Condition/StringEquals/a:b~1c@1 at least one value is needed'],
    ],
    [
      'a condition value that is null',
      allow(', "Condition": {"StringEquals": {"a:b": [null]}}'),
      ['/Statement/Condition/StringEquals/a:b@1 a condition compares with strings, numbers and booleans'],
    ],
  ])('%s', (_, text, problems) => {
    expect(problemsOf(text)).toEqual(problems)
  })

  it.each(['codeartifact', 'code*:x', 'codeartifact:Read-From', ':x', 'a:b:c', '', 'a: b'])(
    'the action %j',
    (action) => {
      expect(problemsOf(allow('').replace('"Action": "*"', `"Action": ${JSON.stringify(action)}`))).toHaveLength(1)
    },
  )

  it.each([
    'arn:aws:iam::111122223333:user/*',
    'arn:aws:iam::1111*',
    '1111*',
    'arn:aws:iam::111122223333:root/x',
    '111122223333:root',
    'arn:aws:iam::111122223333',
    '11112222333',
    'bob',
    '',
    'arn:aws:iam::111122223333:group/all',
    'arn:aws:sts::111122223333:assumed-role/ci/*',
    'arn:aws:sts::111122223333:assumed-role/ci',
    'arn:aws:iam::*:root',
    'arn:aws:iam::111122223333:*',
    'arn:aws:iam::????????????:user/bob',
    'arn:aws:iam::111122223333:user/',
    'arn:aws:iam::111122223333:user//bob',
    'arn:aws:iam::111122223333:user/b?b',
    '**',
    '11112222333*',
    'AIDAQ3EGRV5CV2NLQ4VW',
  ])('the principal %j', (principal) => {
    const text = allow(`, "Principal": {"AWS": ${JSON.stringify(principal)}}`)
    expect(problemsOf(text, 'resource')).toHaveLength(1)
    expect(problemsOf(text, 'resource')[0]).toMatch('/Statement/Principal/AWS@1 ')
  })

  it.each(['{"Service": "x.example"}', '{}', '[]', '"bob"', '{"AWS": []}', '{"AWS": {}}'])(
    'Principal %s',
    (principal) => {
      expect(problemsOf(allow(`, "Principal": ${principal}`), 'resource').length).toBeGreaterThan(0)
    },
  )

  it('a partial wildcard, by its line', () => {
    const text = allow(',\n"Principal": {"AWS": ["111122223333",\n"arn:aws:iam::1111*"]}')
    expect(problemsOf(text, 'resource')).toEqual([
      '/Statement/Principal/AWS/1@3 "arn:aws:iam::1111*" is not a principal; a wildcard stands alone or not at all: "*", an account id, or the ARN of a user or role',
    ])
  })

  const NOBODY = 'principals here are users, roles and accounts: "*" or {"AWS": ...} names them, nothing else'
  it.each(['Service', 'Federated', 'CanonicalUser'])('a principal of the kind %s', (kind) => {
    const principal = (more = '') => `, "Principal": {"${kind}": "x.example"${more}}`
    for (const more of ['', ', "AWS": "111122223333"']) {
      expect(problemsOf(allow(principal(more)), 'resource')).toEqual([`/Statement/Principal/${kind}@1 ${NOBODY}`])
      expect(problemsOf(trust(principal(more)), 'trust')).toEqual([`/Statement/Principal/${kind}@1 ${NOBODY}`])
    }
  })

  it('a resource policy without principal', () => {
    expect(problemsOf(allow(''), 'resource')).toEqual(['/Statement@1 Principal is missing'])
  })

  it.each<[string, string, PolicyKind, string]>([
    ['a trust policy without principal', trust(''), 'trust', '/Statement@1 Principal is missing'],
    [
      'a trust policy with a resource',
      trust(', "Principal": "*", "Resource": "*"'),
      'trust',
      '/Statement/Resource@1 a statement has no element "Resource" here',
    ],
    [
      'a trust policy for all but somebody',
      trust(', "NotPrincipal": {"AWS": "111122223333"}'),
      'trust',
      '/Statement/NotPrincipal@1 a statement has no element "NotPrincipal" here',
    ],
    [
      'a session policy with a principal',
      allow(', "Principal": "*"'),
      'session',
      '/Statement/Principal@1 a statement has no element "Principal" here',
    ],
  ])('%s', (_, text, kind, problem) => {
    expect(problemsOf(text, kind)).toEqual([problem])
  })

  it.each([
    ['identity', 10_240],
    ['resource', 7_168],
    ['trust', 4_096],
    ['session', 2_048],
  ] as const)('an %s policy of more than %d characters', (kind, limit) => {
    const principal = ', "Principal": "*"'
    const base = kind === 'trust' ? trust(principal) : allow(kind === 'resource' ? principal : '')
    expect(problemsOf(base + ' '.repeat(limit - base.length), kind)).toEqual([])
    expect(problemsOf(base + ' '.repeat(limit - base.length + 1), kind)).toHaveLength(1)
  })

  it('nesting that would exhaust the stack', () => {
    expect(problemsOf(statement('['.repeat(5_000)))[0]).toMatch(/nested deeper/)
  })
})

describe('actions that do not exist', () => {
  const naming = (...actions: string[]) => allow('').replace('"Action": "*"', `"Action": ${JSON.stringify(actions)}`)
  const refusals = (...actions: string[]) => problemsOf(naming(...actions), 'identity', parseNewPolicy)

  it.each([
    'codeartifact:ReadFromRepository',
    'CodeArtifact:readfromrepository',
    'codeartifact:*',
    'codeartifact:Get*',
    'codeartifact:Read?romRepository',
    'granary:CreateRole',
    'granary:*User*',
    'sts:AssumeRole',
    'sts:*',
    's3:GetObject',
    'ec2:NoSuchThing',
    '*',
  ])('%s is accepted', (action) => {
    expect(refusals(action)).toEqual([])
  })

  it.each([
    [
      'codeartifact:ReadFromRepo',
      '"codeartifact:ReadFromRepo" is no action of codeartifact; did you mean codeartifact:ReadFromRepository?',
    ],
    [
      'codeartifact:PublishPackageVersions',
      '"codeartifact:PublishPackageVersions" is no action of codeartifact; did you mean codeartifact:PublishPackageVersion?',
    ],
    ['granary:CreateDomain', '"granary:CreateDomain" is no action of granary'],
    ['granary:CreateWebhok', '"granary:CreateWebhok" is no action of granary; did you mean granary:CreateWebhook?'],
    ['codeartifact:Frobnicate', '"codeartifact:Frobnicate" is no action of codeartifact'],
    ['codeartifact:Reed*', '"codeartifact:Reed*" matches no action of codeartifact'],
    ['sts:AssumeRoles', '"sts:AssumeRoles" is no action of sts; did you mean sts:AssumeRole?'],
    [`sts:${'x'.repeat(3_000)}`, `"sts:${'x'.repeat(3_000)}" is no action of sts`],
  ])('%s is refused', (action, problem) => {
    expect(refusals(action)).toEqual([`/Statement/Action/0@1 ${problem}`])
  })

  it('are named by their line, in NotAction as well', () => {
    const text = statement(
      '[{"Effect": "Allow", "Resource": "*", "Action": ["s3:*",\n"sts:Nothing"]},\n{"Effect": "Deny", "Resource": "*", "NotAction": "granary:Nothing"}]',
    )
    expect(problemsOf(text, 'identity', parseNewPolicy)).toEqual([
      '/Statement/0/Action/1@2 "sts:Nothing" is no action of sts',
      '/Statement/1/NotAction@3 "granary:Nothing" is no action of granary',
    ])
  })

  it('do not make a document that stands already unreadable', () => {
    expect(problemsOf(naming('codeartifact:Retired', 'sts:Nothing'))).toEqual([])
  })
})
