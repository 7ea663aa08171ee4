import { expect, it } from 'vitest'
import { publicConnections } from './public-registries.ts'

it('has both public registries, by https and ending in a slash', () => {
  const connections = publicConnections()
  expect(connections.map(({ name, format, builtIn }) => ({ name, format, builtIn }))).toEqual([
    { name: 'public:npmjs', format: 'npm', builtIn: true },
    { name: 'public:pypi', format: 'pypi', builtIn: true },
  ])
  for (const { url } of connections) expect(url).toMatch(/^https:\/\/.*\/$/)
})

it("puts an operator's mirrors in their place, and knows nothing of other file origins then", () => {
  const connections = publicConnections({
    npmjs: 'https://npm.mirror.example',
    pypi: 'https://pypi.mirror.example/simple/',
  })
  expect(connections.map(({ url, fileOrigins }) => ({ url, fileOrigins }))).toEqual([
    { url: 'https://npm.mirror.example/', fileOrigins: [] },
    { url: 'https://pypi.mirror.example/simple/', fileOrigins: [] },
  ])
})
