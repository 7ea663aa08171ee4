import { expect, it } from 'vitest'
import { callerOf } from '../support/caller.ts'
import { clientHome } from '../support/clients/home.ts'
import { startGranary } from '../support/granary.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'

it('a server that is told to be offline sends nothing to any upstream: what is here is served, the rest refused with the reason', async () => {
  await using npm = await startNpmUpstream()
  await using pypi = await startPypiUpstream()
  await using home = await clientHome()
  await using granary = await startGranary({
    env: { GRANARY_UPSTREAM_NPMJS: npm.url, GRANARY_UPSTREAM_PYPI: pypi.url },
  })
  const tarball = await npm.publish({ name: 'here', version: '1.0.0' })
  const [wheel] = await pypi.publish({ name: 'here', version: '1.0.0' })
  if (!wheel) throw new Error('One wheel was published')
  await npm.publish({ name: 'not-here', version: '1.0.0' })
  await pypi.publish({ name: 'not-here', version: '1.0.0' })
  const caller = await callerOf(granary)
  const here = [
    { url: caller.address('npm', 'here'), holds: '1.0.0' },
    { url: caller.address('npm', `here/-/${tarball.file}`), holds: tarball.bytes },
    { url: caller.address('pypi', 'simple/here/'), holds: '1.0.0' },
    { url: caller.address('pypi', wheel.path.slice(1)), holds: wheel.bytes },
  ]
  const notHere = [
    caller.address('npm', 'not-here'),
    caller.address('npm', 'not-here/-/not-here-1.0.0.tgz'),
    caller.address('npm', 'does-not-exist'),
    caller.address('pypi', 'simple/not-here/'),
    caller.address('pypi', wheel.path.slice(1).replaceAll('here', 'not_here')),
  ]
  for (const { url } of here) expect((await caller.get(url)).status).toBe(200)
  // It does not exist, says the upstream: offline that is nobody's to say.
  expect((await caller.get(caller.address('npm', 'does-not-exist'))).status).toBe(404)

  const made = [
    'private:acme',
    '--format',
    'npm',
    '--url',
    'https://npm.acme.example/',
    '--only',
    'npm:@acme/*',
    '--timeout',
    '10s',
  ]
  expect((await granary.cli(home, 'connection', 'create', ...made)).stdout).toMatch(
    /Asked for\s+npm:@acme\/\*\nTimeout\s+10 s/,
  )
  const changed = await granary.cli(
    home,
    'connection',
    'update',
    'private:acme',
    '--no-only',
    '--no-timeout',
    '--disable',
  )
  expect(changed.stdout).toMatch(/Asked for\s+everything\nEnabled\s+no/)
  expect((await granary.cli(home, 'connection', 'delete', 'private:acme')).code).toBe(0)
  const refreshed = await granary.cli(home, 'package', 'refresh', 'npm:here')
  expect(refreshed.stdout).toMatch(/From\s+public:npmjs\nVersions\s+1\nChanged\s+nothing/)

  await granary.restart({ GRANARY_OFFLINE: 'true' })
  const refused = await granary.cli(home, 'package', 'refresh', 'npm:here')
  expect({ code: refused.code, says: refused.stderr }).toEqual({
    code: 1,
    says: expect.stringContaining('could not be asked'),
  })
  const heard = npm.requests.length + pypi.requests.length
  for (const { url, holds } of here) {
    // Also for who wants it fresh.
    const { status, body } = await caller.get(url, { headers: { 'cache-control': 'no-cache' } })
    expect(status, url).toBe(200)
    expect(typeof holds === 'string' ? body.includes(holds) : body.equals(holds), url).toBe(true)
  }
  for (const url of notHere) {
    const { status, body } = await caller.get(url)
    expect({ status, url }).toEqual({ status: 502, url })
    expect(body.toString(), url).toContain('offline')
  }
  expect(npm.requests.length + pypi.requests.length).toBe(heard)
  expect(JSON.stringify(granary.log)).toContain('offline')

  const status = await granary.json<{ connections: { state: string }[] }>(home, 'connection', 'status')
  expect(status.connections.map(({ state }) => state)).toEqual(['offline', 'offline'])
  expect((await granary.cli(home, 'connection', 'status', 'public:npmjs')).stdout).toMatch(
    /State\s+offline[^]*As process \d+/,
  )
})
