import { describe, expect, it } from 'vitest'
import { canonicalPath, canonicalQuery, canonicalRequest } from './canonical-request.ts'

describe('paths', () => {
  it.each([
    ['/', '/'],
    ['', '/'],
    ['/v1/domain', '/v1/domain'],
    ['/v1/domain/', '/v1/domain/'],
    ['//v1///domain', '/v1/domain'],
    ['/./v1/../v1/./domain', '/v1/domain'],
    ['/..', '/'],
    ['/../..//', '/'],
    // Encoded once more, whatever it is.
    ['/a%20b', '/a%2520b'],
    ['/a%2Fb', '/a%252Fb'],
    ['/@types', '/%40types'],
    ['/~a_b.c-d', '/~a_b.c-d'],
    ['/Ã¼', '/%C3%BC'],
  ])('%s is %s', (raw, canonical) => {
    expect(canonicalPath(raw)).toBe(canonical)
  })
})

describe('queries', () => {
  it.each([
    ['', ''],
    ['b=2&a=1', 'a=1&b=2'],
    ['a=2&a=1&a', 'a=&a=1&a=2'],
    ['B=1&a=1', 'B=1&a=1'],
    ['a-b=1&a=1&ab=1', 'a=1&a-b=1&ab=1'],
    ['a=b=c', 'a=b%3Dc'],
    ['&&a=1&', 'a=1'],
    ['a=b+c', 'a=b%20c'],
    ['a=b%20c', 'a=b%20c'],
    ['a=b%2Bc', 'a=b%2Bc'],
    ['a=b/c@d', 'a=b%2Fc%40d'],
    ['a=%2f%7e', 'a=%2F~'],
    ["a=~!*()'", 'a=~%21%2A%28%29%27'],
    ['a=%E1%88%B4', 'a=%E1%88%B4'],
    ['a=á´', 'a=%E1%B4'],
    ['a=%', 'a=%25'],
    ['a=%zz', 'a=%25zz'],
    ['%61=1', 'a=1'],
  ])('%s is %s', (raw, canonical) => {
    expect(canonicalQuery(raw)).toBe(canonical)
  })
})

it('joins repeated headers in the order received, trims them and folds blanks', () => {
  const canonical = canonicalRequest({
    method: 'GET',
    rawPath: '/',
    rawQuery: '',
    headers: [
      ['Host', 'example.amazonaws.com'],
      ['My-Header', ' b   c '],
      ['my-header', 'a\t d'],
      ['Other', 'x'],
    ],
    signedHeaders: ['host', 'my-header'],
    payloadSha256: 'hash',
  })
  expect(canonical).toBe('GET\n/\n\nhost:example.amazonaws.com\nmy-header:b c,a d\n\nhost;my-header\nhash')
})
