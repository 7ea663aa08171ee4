import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operations } from '../../src/api/index.ts'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startRegistry, type TestRegistry } from '../support/server.ts'
import { startPypiUpstream, type PypiUpstream } from '../support/upstream/pypi.ts'

// A build of one's own for this machine, and the public index's wheels of the project for others: what installers take of both.

const MACHINE = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

let internal: PypiUpstream
let open: PypiUpstream
let registry: TestRegistry
let home: ClientHome

beforeAll(async () => {
  internal = await startPypiUpstream()
  open = await startPypiUpstream()
  registry = await startRegistry({ GRANARY_UPSTREAM_PYPI: open.url })
  home = await clientHome()
  const { call } = registry.admin.client
  await call(operations.createConnection, { name: 'private:internal', format: 'pypi', url: internal.url })
  await call(operations.createRepository, { domain: 'local', repository: 'builds' })
  const builds = { domain: 'local', repository: 'builds', externalConnection: 'private:internal' }
  await call(operations.associateExternalConnection, builds)
  const upstreams = ['builds', 'npm-store', 'pypi-store'].map((repositoryName) => ({ repositoryName }))
  await call(operations.updateRepository, { domain: 'local', repository: 'main', upstreams })
  const release = (of: string, version: string, tags: string) => ({
    name: 'numeric',
    version,
    tags,
    files: { 'numeric.py': `SOURCE = '${of} ${version}'\n` },
  })
  await internal.publish(release('internal', '1.0', `py3-none-linux_${MACHINE}`))
  // Installers prefer it to the one above.
  await open.publish(release('open', '1.0', `py3-none-manylinux_2_17_${MACHINE}`))
  await open.publish(release('open', '1.0', 'py3-none-macosx_11_0_arm64'))
  await open.publish(release('open', '2.0', `py3-none-manylinux_2_17_${MACHINE}`))
  await open.publish(release('open', '2.0', 'py3-none-macosx_11_0_arm64'))
})
afterAll(async () => {
  await home[Symbol.asyncDispose]()
  for (const one of [registry, internal, open]) await one[Symbol.asyncDispose]()
})

const index = () => `http://aws:${registry.token}@${new URL(registry.url).host}/pypi/local/main/simple/`

const words = (line: string): readonly string[] => line.split(' ')
const COMMANDS = {
  pip: (onMac: boolean) => [
    ...words('install --no-cache-dir --disable-pip-version-check --only-binary=:all: --no-deps --index-url'),
    index(),
    ...(onMac ? ['--platform', 'macosx_11_0_arm64'] : []),
  ],
  uv: (onMac: boolean) => [
    ...words('pip install --no-cache --only-binary :all: --no-deps --default-index'),
    index(),
    ...(onMac ? ['--python-platform', 'aarch64-apple-darwin'] : []),
  ],
}

describe.each(['pip', 'uv'] as const)('%s', (name) => {
  it.for<readonly ['never' | 'extra-wheels' | 'all', here: string, mac: string | null]>([
    ['never', 'internal 1.0', null],
    ['extra-wheels', 'internal 1.0', 'open 1.0'],
    ['all', 'open 2.0', 'open 2.0'],
  ])('of sources merged as %s installs %s here, and on a Mac %s', async ([mode, here, mac], context) => {
    const client = await requireClient(context, name)
    const at = { domain: 'local', repository: 'main', format: 'pypi', package: 'numeric', mode } as const
    await registry.admin.client.call(operations.putPackageMerge, at)
    for (const [onMac, expected] of [
      [false, here],
      [true, mac],
    ] as const) {
      const target = join(home.folder, 'target')
      const installed = await client(home, [...COMMANDS[name](onMac), '--target', target, 'numeric'])
      expect(installed.code === 0, installed.stderr).toBe(expected !== null)
      if (expected !== null) expect(await readFile(join(target, 'numeric.py'), 'utf8')).toBe(`SOURCE = '${expected}'\n`)
      await rm(target, { recursive: true, force: true })
    }
  })
})
