import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { run } from '../support/clients/run.ts'
import { startGranary } from '../support/granary.ts'
import { startNpmUpstream } from '../support/upstream/npm.ts'
import { startPypiUpstream } from '../support/upstream/pypi.ts'
import { buildWheel } from '../support/wheel.ts'

describe('aws codeartifact login', () => {
  it('configures npm, pip and twine, and they work', async (context) => {
    const aws = await requireClient(context, 'aws')
    const npm = await requireClient(context, 'npm')
    const python = await requireClient(context, 'python3')
    const twine = await requireClient(context, 'twine')
    await using npmjs = await startNpmUpstream()
    await npmjs.publish({ name: 'public-thing', version: '1.2.3' })
    await using pypi = await startPypiUpstream()
    await pypi.publish({ name: 'public-project', version: '1.2.3' })
    await using granary = await startGranary({
      env: { GRANARY_UPSTREAM_NPMJS: npmjs.url, GRANARY_UPSTREAM_PYPI: pypi.url },
    })
    await using home = await clientHome()
    const env = {
      AWS_SHARED_CREDENTIALS_FILE: join(granary.data, 'credentials'),
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
    }
    const login = async (tool: string) => {
      const done = await aws(
        home,
        [
          'codeartifact',
          'login',
          '--tool',
          tool,
          '--endpoint-url',
          granary.url,
          '--domain',
          'local',
          '--repository',
          'main',
        ],
        { env },
      )
      expect(done, done.stdout + done.stderr).toMatchObject({ code: 0 })
      expect(done.stdout).toMatch(/Successfully configured/)
    }

    await login('npm')
    const app = await home.project('app')
    await writeFile(join(app, 'package.json'), '{"name":"app","version":"1.0.0"}')
    const install = await npm(home, ['install', 'public-thing'], { cwd: app })
    expect(install, install.stderr).toMatchObject({ code: 0 })

    await login('pip')
    expect(await python(home, ['-m', 'venv', 'venv'])).toMatchObject({ code: 0 })
    const pip = await run(join(home.folder, 'venv/bin/pip'), ['install', 'public-project'], {
      cwd: home.folder,
      env: home.env,
    })
    expect(pip, pip.stderr).toMatchObject({ code: 0 })

    await login('twine')
    const wheel = buildWheel({ name: 'acme-hello', version: '1.0.0' })
    await writeFile(join(app, wheel.file), wheel.bytes)
    const upload = await twine(
      home,
      ['upload', '--non-interactive', '--disable-progress-bar', '-r', 'codeartifact', wheel.file],
      { cwd: app },
    )
    expect(upload, upload.stdout + upload.stderr).toMatchObject({ code: 0 })
  })

  it('is refused with a wrong secret', async (context) => {
    const aws = await requireClient(context, 'aws')
    await using granary = await startGranary()
    await using home = await clientHome()
    const keys = await granary.json<{ accessKeyId: string }[]>(
      home,
      'key',
      'list',
      'admin',
      '--account',
      '000000000000',
    )
    const env = {
      AWS_ACCESS_KEY_ID: keys[0]?.accessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: 'x'.repeat(40),
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
    }
    const refused = await aws(home, ['codeartifact', 'list-domains', '--endpoint-url', granary.url], { env })
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/signature/i)
  })
})
