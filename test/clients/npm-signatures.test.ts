import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startNpmUpstream, type NpmUpstream } from '../support/upstream/npm.ts'

/**
 * Loaded into npm before anything else: in the place of Sigstore's public trust root, which has to be fetched and which says whose
 * transparency log counts, it gets the root of the test's own log. All else is npm's own: what it asks for, and how it verifies.
 */
const OTHER_TRUST_ROOT = `
const Module = require('node:module')
const load = Module._load
Module._load = function (request, parent, isMain) {
  const loaded = load.call(this, request, parent, isMain)
  if (request !== '@sigstore/tuf') return loaded
  const { TrustedRoot } = Module.createRequire(parent.filename)('@sigstore/protobuf-specs')
  const noTarget = Object.assign(new Error('no such target'), { code: 'TUF_FIND_TARGET_ERROR' })
  return {
    ...loaded,
    initTUF: async () => ({ getTarget: async () => { throw noTarget } }),
    getTrustedRoot: async () => TrustedRoot.fromJSON(JSON.parse(process.env.TRUSTED_ROOT)),
  }
}
`

type Audited = { readonly invalid: readonly object[]; readonly missing: readonly { readonly name: string }[] }

/** npm, that installs and then audits; what it says of the signatures is in `json`. */
async function prepare(
  context: { readonly skip: (note: string) => never },
  home: ClientHome,
  granary: Granary,
  upstream: NpmUpstream,
) {
  const npm = await requireClient(context, 'npm')
  const login = await granary.cli(home, 'login', 'npm')
  expect(login, login.stderr).toMatchObject({ code: 0 })
  const app = await home.project('app')
  await writeFile(join(app, 'package.json'), '{"name":"app","version":"1.0.0"}')
  const shim = join(home.folder, 'trust-root.cjs')
  await writeFile(shim, OTHER_TRUST_ROOT)
  const env = { NODE_OPTIONS: `--require ${shim}`, TRUSTED_ROOT: JSON.stringify(upstream.signer.trustedRoot) }
  return {
    install: async (...packages: readonly string[]) => {
      const installed = await npm(home, ['install', '--no-fund', ...packages], { cwd: app })
      expect(installed, installed.stderr).toMatchObject({ code: 0 })
      return installed
    },
    publish: async (name: string) => {
      const folder = await home.project(name.replace('/', '-'))
      await writeFile(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0' }))
      const published = await npm(home, ['publish'], { cwd: folder })
      expect(published, published.stderr).toMatchObject({ code: 0 })
    },
    audit: () => npm(home, ['audit'], { cwd: app }),
    auditSignatures: async (...flags: readonly string[]) => {
      const audited = await npm(home, ['audit', 'signatures', ...flags], { cwd: app, env })
      const json = flags.includes('--json') ? (JSON.parse(audited.stdout) as Audited) : null
      return { ...audited, json }
    },
  }
}

describe('npm audit signatures', () => {
  it('verifies what comes from upstream, its attestations too, also while the upstream is gone', async (context) => {
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'hello', version: '1.0.0' })
    await upstream.publish({ name: '@acme/attested', version: '1.0.0', attested: true })
    await upstream.publish({ name: 'attested', version: '2.0.0', attested: true })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using home = await clientHome()
    const { install, auditSignatures } = await prepare(context, home, granary, upstream)
    await install('hello', '@acme/attested', 'attested')
    const audited = await auditSignatures()
    expect(audited, audited.stderr).toMatchObject({ code: 0 })
    expect(audited.stdout).toMatch(/3 packages have .*verified.* registry signatures/)
    expect(audited.stdout).toMatch(/2 packages have .*verified.* attestations/)

    await upstream.down()
    const again = await auditSignatures('--prefer-online')
    expect(again, again.stderr).toMatchObject({ code: 0 })
    expect(again.stdout).toMatch(/2 packages have .*verified.* attestations/)
  })

  it('finds out where an upstream signed something else', async (context) => {
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'hello', version: '1.0.0' })
    const signatures = [upstream.signer.sign('forged@1.0.0:sha512-AAAA')]
    await upstream.publish({ name: 'forged', version: '1.0.0', dist: { signatures } })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using home = await clientHome()
    const { install, auditSignatures } = await prepare(context, home, granary, upstream)
    await install('hello', 'forged')
    const { code, json } = await auditSignatures('--json')
    expect(code).toBe(1)
    expect(json).toMatchObject({ invalid: [{ name: 'forged', code: 'EINTEGRITYSIGNATURE' }], missing: [] })
  })

  it('says that private packages are not signed, and nothing worse; nothing of a repository that has no upstream', async (context) => {
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'hello', version: '1.0.0' })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using home = await clientHome()
    const { install, publish, auditSignatures } = await prepare(context, home, granary, upstream)
    await publish('@acme/private')
    await install('hello', '@acme/private')
    const { code, json } = await auditSignatures('--json')
    expect(code).toBe(1)
    expect(json).toMatchObject({ invalid: [], missing: [{ name: '@acme/private' }] })

    const made = await granary.cli(home, 'repository', 'create', 'private', '--domain', 'local')
    expect(made, made.stderr).toMatchObject({ code: 0 })
    const login = await granary.cli(home, 'login', 'npm', '--scope', '@team', '--repository', 'private')
    expect(login, login.stderr).toMatchObject({ code: 0 })
    await publish('@team/unsigned')
    await install('@team/unsigned')
    const apart = await auditSignatures('--json')
    expect(apart.json).toMatchObject({ invalid: [], missing: [{ name: '@acme/private' }] })
  })
})

describe('npm audit', () => {
  it('tells of advisories that the upstream knows, and not of private packages', async (context) => {
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'hello', version: '1.0.0' })
    upstream.advisories.set('hello', [
      {
        id: 1,
        url: 'https://advisories.example/1',
        title: 'Hello is too friendly',
        severity: 'high',
        vulnerable_versions: '<1.0.1',
        cwe: [],
        cvss: { score: 0, vectorString: null },
      },
    ])
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using home = await clientHome()
    const { install, publish, audit } = await prepare(context, home, granary, upstream)
    await publish('@acme/private')
    const installed = await install('hello', '@acme/private')
    expect(installed.stdout).toContain('1 high severity vulnerability')
    const audited = await audit()
    expect(audited.code).toBe(1)
    expect(audited.stdout).toContain('Hello is too friendly')
    expect(audited.stderr).toContain('1 of 2 packages were not audited')
    expect(upstream.requests.map(({ path, body }) => path + body).join()).not.toContain('acme')

    upstream.faults.on('/-/npm/v1/security/advisories/bulk', { kind: 'status', status: 503 })
    const failed = await audit()
    expect(failed.code).not.toBe(0)
    expect(failed.stdout + failed.stderr).not.toContain('found 0 vulnerabilities')
  })
})
