import { expect, it } from 'vitest'
import { usesProxy } from './proxy.ts'

it.each([
  ['https://registry.example/', [], true],
  ['http://registry.example/', [], false],
  ['https://localhost:8443/', [], false],
  ['https://127.0.0.1/', [], false],
  ['https://[::1]/', [], false],
  ['https://registry.example/', ['*'], false],
  ['https://registry.example/', ['example'], false],
  ['https://registry.example/', ['.example'], false],
  ['https://registry.example/', ['*.example'], false],
  ['https://registry.example/', ['REGISTRY.example'], false],
  ['https://registry.example/', ['egistry.example'], true],
  ['https://registry.example/', ['registry.example:8443'], true],
  ['https://registry.example:8443/', ['registry.example:8443'], false],
  ['https://10.1.2.3/', ['10.1.2.3'], false],
  ['https://registry.example/', ['', 'other.example'], true],
])('%s with NO_PROXY %j', (url, noProxy, expected) => {
  expect(usesProxy(new URL(url), noProxy)).toBe(expected)
})
