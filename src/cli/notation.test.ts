import { describe, expect, it } from 'vitest'
import { EXIT } from './failure.ts'
import { parseCount, parseDuration, parsePackage, parsePackageVersions, parseSince, splitName } from './notation.ts'

const misuse = expect.objectContaining({ exitCode: EXIT.usage })

describe('notation', () => {
  it.each([
    ['npm:lodash@4.17.20', { format: 'npm', package: 'lodash', versions: ['4.17.20'] }],
    ['npm:@acme/hello', { format: 'npm', package: '@acme/hello' }],
    ['npm:@acme/hello@1.0.0,1.0.1', { format: 'npm', package: '@acme/hello', versions: ['1.0.0', '1.0.1'] }],
    ['npm:@acme/*', { format: 'npm', package: '@acme/*' }],
    ['pypi:requests', { format: 'pypi', package: 'requests' }],
  ])('reads the package %s', (text, expected) => {
    expect(parsePackageVersions(text)).toEqual(expected)
  })

  it.each(['lodash', 'npm:', 'maven:a', 'npm:a b', 'npm:lodash@', ''])('refuses the package %j', (text) => {
    expect(() => parsePackageVersions(text)).toThrow(misuse)
  })

  it('reads a prefix as it is', () => {
    expect(parsePackage('npm:@acme/')).toEqual({ format: 'npm', name: '@acme/' })
  })

  it.each([
    ['@acme/hello', { namespace: 'acme', package: 'hello' }],
    ['hello', { package: 'hello' }],
  ])('splits %s', (name, parts) => {
    expect(splitName(name)).toEqual(parts)
  })

  it.each([
    ['12h', 43_200],
    ['90m', 5_400],
    ['30s', 30],
    ['900', 900],
    ['0', 0],
  ])('reads the duration %s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  it.each(['', 'h', '1w', '-1', '1.5h', '12h30m', '9999999'])('refuses the duration %j', (text) => {
    expect(() => parseDuration(text)).toThrow(misuse)
  })

  it.each([
    ['2h', '2029-12-31T22:00:00.000Z'],
    ['90m', '2029-12-31T22:30:00.000Z'],
    ['2029-05-01T10:00:00Z', '2029-05-01T10:00:00.000Z'],
    ['2029-05-01T12:00:00+02:00', '2029-05-01T10:00:00.000Z'],
    ['2029-05-01', '2029-05-01T00:00:00.000Z'],
  ])('reads the moment %s', (text, moment) => {
    expect(parseSince(text, Date.UTC(2030, 0, 1))).toBe(moment)
  })

  it.each(['', 'yesterday', '2029-13-01', '1w'])('refuses the moment %j', (text) => {
    expect(() => parseSince(text)).toThrow(misuse)
  })

  it('reads a count', () => {
    expect(parseCount('--limit', '100')).toBe(100)
    for (const text of ['', '0', '-1', '1.5', '1e3', 'many']) expect(() => parseCount('--limit', text)).toThrow(misuse)
  })
})
