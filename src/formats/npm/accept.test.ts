import { describe, expect, it } from 'vitest'
import { formOf, wantsFresh } from './accept.ts'

describe('Accept', () => {
  it.each([
    ['application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*', 'abbreviated'],
    ['application/vnd.npm.install-v1+json', 'abbreviated'],
    ['Application/vnd.npm.install-v1+JSON;Q=0.9', 'abbreviated'],
    ['application/json;q=0.5,application/vnd.npm.install-v1+json;q=0.5', 'abbreviated'],
    ['application/vnd.npm.install-v1+json;q=0', 'full'],
    ['application/vnd.npm.install-v1+json;q=0.1, application/json', 'full'],
    ['application/vnd.npm.install-v1+json;q=0.5, application/*', 'full'],
    ['application/vnd.npm.install-v1+json;q=0.5, */*', 'full'],
    ['application/vnd.npm.install-v1+json;q=nonsense', 'full'],
    ['application/json', 'full'],
    ['*/*', 'full'],
    ['', 'full'],
    [undefined, 'full'],
  ] as const)('%s asks for the %s document', (accept, form) => {
    expect(formOf(accept)).toBe(form)
  })
})

describe('Cache-Control of a request', () => {
  it.each([
    ['no-cache', true],
    ['max-age=0', true],
    ['private, No-Cache', true],
    ['max-age=0, must-revalidate', true],
    ['max-age=01', false],
    ['max-age=3600', false],
    ['x-no-cache', false],
    [undefined, false],
  ])('%s', (header, fresh) => {
    expect(wantsFresh(header)).toBe(fresh)
  })
})
