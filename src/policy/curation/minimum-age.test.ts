import { describe, expect, it } from 'vitest'
import { curate } from './curate.ts'
import type { MinimumAgeRule, VersionFacts } from './rule.ts'

const DAY = 86_400
const NOW = Date.parse('2026-09-21T12:00:00Z')

const aged = (days: number, facts: Partial<VersionFacts> = {}): VersionFacts => ({
  format: 'npm',
  key: 'acme/hello',
  version: '1.0.0',
  publishedAt: NOW - days * DAY * 1000,
  license: null,
  origin: 'EXTERNAL',
  ...facts,
})

const ask = (rule: Partial<MinimumAgeRule>, facts: VersionFacts, now = NOW) =>
  curate(
    [{ id: 'r1', domain: 'acme', repository: null, rule: { kind: 'minimum-age', seconds: 7 * DAY, ...rule } }],
    facts,
    now,
    (version) => version,
  )

const scope = { format: 'npm', package: 'acme/*' }

describe('the minimum age', () => {
  it.each([
    { what: 'a version of a day', rule: {}, facts: aged(1), allowed: false },
    { what: 'a version of eight days', rule: {}, facts: aged(8), allowed: true },
    { what: 'a version of seven days to the second', rule: {}, facts: aged(7), allowed: true },
    { what: 'a version from the future', rule: {}, facts: aged(-1), allowed: false },
    { what: 'a version whose age nobody knows', rule: {}, facts: aged(0, { publishedAt: null }), allowed: false },
    { what: 'what is published here', rule: {}, facts: aged(0, { origin: 'INTERNAL' }), allowed: true },
    { what: 'a package that the rule names', rule: { packages: [scope] }, facts: aged(1), allowed: false },
    {
      what: 'a package that it does not name',
      rule: { packages: [scope] },
      facts: aged(1, { key: 'x' }),
      allowed: true,
    },
    { what: 'another format', rule: { packages: [scope] }, facts: aged(1, { format: 'pypi' }), allowed: true },
    { what: 'an excepted package', rule: { except: [scope] }, facts: aged(1), allowed: true },
    {
      what: 'an excepted version',
      rule: { except: [{ ...scope, versions: ['1.0.0'] }] },
      facts: aged(1),
      allowed: true,
    },
    {
      what: 'another version than the excepted one',
      rule: { except: [{ ...scope, versions: ['1.0.1'] }] },
      facts: aged(1),
      allowed: false,
    },
  ])('$what: $allowed', ({ rule, facts, allowed }) => {
    expect(ask(rule, facts).allowed).toBe(allowed)
  })

  it('tells when it will be over, and is over then', () => {
    const [finding] = ask({}, aged(1)).findings
    expect(finding).toEqual({ rule: 'r1', reason: 'it is younger than 7 days', until: NOW + 6 * DAY * 1000 })
    expect(ask({}, aged(1), (finding?.until ?? 0) - 1).allowed).toBe(false)
    expect(ask({}, aged(1), finding?.until ?? 0).allowed).toBe(true)
  })

  it.each([
    [1, '1 second'],
    [90, '90 seconds'],
    [120, '2 minutes'],
    [36 * 3600, '36 hours'],
    [DAY, '1 day'],
  ])('says %i seconds as %s', (seconds, words) => {
    expect(ask({ seconds }, aged(0)).findings[0]?.reason).toBe(`it is younger than ${words}`)
  })

  it('gives the reason of whoever made the rule', () => {
    expect(ask({ reason: 'let others find out' }, aged(0)).findings[0]?.reason).toBe('let others find out')
  })
})
