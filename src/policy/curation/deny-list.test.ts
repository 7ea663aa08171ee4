import { describe, expect, it } from 'vitest'
import { curate } from './curate.ts'
import type { DenyListRule, VersionFacts } from './rule.ts'

const facts = (version: string): VersionFacts => ({
  format: 'npm',
  key: 'acme/hello',
  version,
  publishedAt: 0,
  license: null,
  origin: 'EXTERNAL',
})

/** A format in which letters of either case are the same. */
const ask = (rule: Partial<DenyListRule>, version: string) =>
  curate(
    [
      {
        id: 'r1',
        domain: 'acme',
        repository: null,
        rule: { kind: 'deny-list', packages: [], reason: 'malware', ...rule },
      },
    ],
    facts(version),
    0,
    (text) => text.toLowerCase(),
  )

describe('a deny list', () => {
  it.each([
    { packages: [{ format: 'npm', package: 'acme/hello' }], version: '1.0.0', allowed: false },
    { packages: [{ format: 'npm', package: 'acme/*', versions: [] }], version: '1.0.0', allowed: false },
    { packages: [{ format: 'npm', package: 'acme/hello', versions: ['1.0.0'] }], version: '1.0.0', allowed: false },
    { packages: [{ format: 'npm', package: 'acme/hello', versions: ['1.0.0'] }], version: '1.0.1', allowed: true },
    {
      packages: [{ format: 'npm', package: 'acme/hello', versions: ['1.0.0-RC'] }],
      version: '1.0.0-rc',
      allowed: false,
    },
    {
      packages: [{ format: 'npm', package: 'acme/hello', versions: ['1.0.0-rc'] }],
      version: '1.0.0-Rc',
      allowed: false,
    },
    { packages: [{ format: 'pypi', package: 'acme/hello' }], version: '1.0.0', allowed: true },
    { packages: [{ format: 'npm', package: 'hello' }], version: '1.0.0', allowed: true },
  ])('$packages, of $version: $allowed', ({ packages, version, allowed }) => {
    expect(ask({ packages }, version)).toEqual({
      allowed,
      findings: allowed ? [] : [{ rule: 'r1', reason: 'malware', until: null }],
    })
  })
})
