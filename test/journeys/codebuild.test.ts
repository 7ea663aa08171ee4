import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runBuildspec } from '../support/buildspec.ts'
import { clientHome, type ClientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { startGranary, type Granary } from '../support/granary.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'

const BUILDSPEC = resolve(import.meta.dirname, '../../examples/codebuild/buildspec.yml')
const ACCOUNT = '000000000000'

/** A project with a dependency, whose test uses it, and its lock file as a developer made it through the same registry. */
async function newSource(granary: Granary, home: ClientHome, context: Parameters<typeof requireClient>[0]) {
  const npm = await requireClient(context, 'npm')
  const login = await granary.cli(home, 'login', 'npm')
  expect(login, login.stderr).toMatchObject({ code: 0 })
  const source = await home.project('greeter')
  const manifest = {
    name: '@acme/greeter',
    version: '1.0.0',
    main: 'index.js',
    files: ['index.js'],
    scripts: { test: 'node -e "require(\'./index.js\')"' },
    dependencies: { 'public-thing': '^1.0.0' },
  }
  await writeFile(join(source, 'package.json'), JSON.stringify(manifest))
  await writeFile(join(source, 'index.js'), "require('public-thing')\nmodule.exports = 'greetings'\n")
  const locked = await npm(home, ['install', '--package-lock-only'], { cwd: source })
  expect(locked, locked.stderr).toMatchObject({ code: 0 })
  return source
}

/** What a build project knows: where the registry is, and the key of an account's user who may read and publish, no more. */
async function buildEnvironment(granary: Granary, operator: ClientHome, builder: ClientHome) {
  await granary.json(operator, 'user', 'create', 'builder')
  await granary.json(operator, 'policy', 'attach-user', 'builder', '--document', 'publisher')
  type Key = { accessKeyId: string; secretAccessKey: string }
  const key = await granary.json<Key>(operator, 'key', 'create', 'builder')
  return {
    ...builder.env,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    GRANARY_URL: granary.url,
    DOMAIN: 'local',
    DOMAIN_OWNER: ACCOUNT,
  }
}

describe('a build that runs examples/codebuild/buildspec.yml', () => {
  it('installs from the registry with a token of fifteen minutes and publishes its artifact there', async (context) => {
    await requireClient(context, 'aws')
    const npm = await requireClient(context, 'npm')
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'public-thing', version: '1.2.3' })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using developer = await clientHome()
    await using builder = await clientHome()
    const source = await newSource(granary, developer, context)

    const env = await buildEnvironment(granary, developer, builder)
    const phases = await runBuildspec(BUILDSPEC, { cwd: source, env })
    for (const { phase, ...ran } of phases)
      expect(ran, `${phase}: ${ran.stdout}${ran.stderr}`).toMatchObject({ code: 0 })
    expect(phases.map(({ phase }) => phase)).toEqual(['install', 'build', 'post_build'])
    expect(phases[0]?.stdout).toMatch(/Successfully configured npm/)
    // Rounded by the AWS CLI, and rather down.
    expect(phases[0]?.stdout).toMatch(/expires in 1[45] minutes/)

    const view = await npm(developer, ['view', '@acme/greeter', 'version'], { cwd: source })
    expect(view.stdout.trim()).toBe('1.0.0')

    // The same build again, as a retried pipeline runs it: npm's own check refuses what is there.
    const again = await runBuildspec(BUILDSPEC, { cwd: source, env })
    expect(again.at(-1)).toMatchObject({ phase: 'post_build' })
    expect(again.at(-1)?.code).not.toBe(0)
    expect(again.at(-1)?.stderr).toMatch(/previously published version/)
  })

  it('publishes nothing where the build failed', async (context) => {
    await requireClient(context, 'aws')
    const npm = await requireClient(context, 'npm')
    await using upstream = await startNpmUpstream()
    await upstream.publish({ name: 'public-thing', version: '1.2.3' })
    await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: upstream.url } })
    await using developer = await clientHome()
    await using builder = await clientHome()
    const source = await newSource(granary, developer, context)
    await writeFile(join(source, 'index.js'), "throw new Error('broken')\n")

    const env = await buildEnvironment(granary, developer, builder)
    const phases = await runBuildspec(BUILDSPEC, { cwd: source, env })
    expect(phases.map(({ phase, code }) => [phase, code === 0])).toEqual([
      ['install', true],
      ['build', false],
      ['post_build', false],
    ])
    const view = await npm(developer, ['view', '@acme/greeter', 'version'], { cwd: source })
    expect(view.code).not.toBe(0)
    expect(view.stderr).toMatch(/E404/)
  })
})
