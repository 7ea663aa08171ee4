import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const config = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as IConfiguration & {
  readonly forbidden: readonly { readonly name: string; readonly comment?: string }[]
}

/** Per rule: files that break it, each with the import that does. */
const PLANTED: Readonly<Record<string, readonly (readonly [file: string, source: string])[]>> = {
  'policy-is-alone': [['policy/access/a.ts', `import '../../registry/model.ts'`]],
  'registry-knows-policy-only': [
    ['registry/a.ts', `import '../outbound/client.ts'`],
    ['registry/b.ts', `import type { Store } from '../storage/sql/store.ts'`],
    ['registry/c.ts', `import '../formats/format.ts'`],
  ],
  'formats-know-the-core': [
    ['formats/npm/a.ts', `import '../pypi/index.ts'`],
    ['formats/npm/b.ts', `import '../../server/app.ts'`],
    ['formats/pypi/c.ts', `import '../../outbound/client.ts'`],
  ],
  'the-format-contract-knows-the-core': [['formats/format.ts', `import './npm/index.ts'`]],
  'outbound-is-alone': [['outbound/a.ts', `import type { Model } from '../registry/model.ts'`]],
  'upstream-asks-through-outbound': [['upstream/a.ts', `import '../storage/sql/store.ts'`]],
  'events-send-through-outbound': [['events/targets/a.ts', `import '../../auth/tokens.ts'`]],
  'storage-drivers-know-the-core': [
    ['storage/sql/a.ts', `import '../blobs/filesystem.ts'`],
    ['storage/blobs/a.ts', `import '../sql/store.ts'`],
    ['storage/blobs/b.ts', `import '../../outbound/client.ts'`],
  ],
  'auth-knows-the-core': [['auth/a.ts', `import '../server/app.ts'`]],
  'api-is-data': [['api/a.ts', `import '../auth/tokens.ts'`]],
  'server-knows-no-driver': [
    ['server/a.ts', `import '../storage/sql/store.ts'`],
    ['server/b.ts', `import '../formats/npm/index.ts'`],
    ['server/c.ts', `import '../outbound/client.ts'`],
    ['server/d.ts', `import '../policy/access/evaluate.ts'`],
  ],
  'clients-know-the-api-only': [
    ['cli/a.ts', `import '../registry/model.ts'`],
    ['console/a.ts', `import '../cli/login.ts'`],
    ['console/b.ts', `import '../storage/sql/store.ts'`],
  ],
  'config-knows-the-core': [['config.ts', `import './outbound/client.ts'`]],
  'policy-is-asked-through-the-core': [
    ['formats/npm/c.ts', `import { evaluate } from '../../policy/access/evaluate.ts'\nevaluate()`],
    ['storage/sql/b.ts', `import { evaluate } from '../../policy/access/evaluate.ts'\nevaluate()`],
  ],
  'api-takes-types-from-the-core': [['api/b.ts', `import { model } from '../registry/model.ts'\nmodel()`]],
  'nobody-imports-the-wiring': [
    ['server/e.ts', `import '../main.ts'`],
    ['auth/b.ts', `import type { Config } from '../config.ts'`],
  ],
  'policy-has-no-node-modules': [['policy/access/b.ts', `import 'node:fs'`]],
  'policy-uses-listed-libraries': [['policy/access/c.ts', `import 'semver'`]],
  'undici-in-outbound': [['upstream/b.ts', `import 'undici'`]],
  'node-http-clients-in-outbound': [
    ['upstream/c.ts', `import { request } from 'node:http'\nrequest('')`],
    ['auth/c.ts', `import { connect } from 'tls'\nconnect(1)`],
  ],
  'databases-in-storage': [
    ['registry/d.ts', `import type { Pool } from 'pg'`],
    ['storage/blobs/c.ts', `import 'better-sqlite3'`],
    ['server/f.ts', `import 'kysely'`],
  ],
  'jose-in-auth': [['server/g.ts', `import 'jose'`]],
  'file-readers-in-formats': [
    ['upstream/d.ts', `import 'semver'`],
    ['formats/a.ts', `import 'semver'`],
    ['server/h.ts', `import '@fastify/busboy'`],
    ['registry/e.ts', `import 'yauzl'`],
    ['upstream/e.ts', `import 'htmlparser2'`],
  ],
  'tar-in-formats-and-backups': [
    ['formats/b.ts', `import 'tar-stream'`],
    ['storage/blobs/d.ts', `import 'tar-stream'`],
  ],
  'hono-in-server-and-formats': [
    ['registry/f.ts', `import 'hono'`],
    ['api/c.ts', `import '@hono/node-server'`],
  ],
  'zod-in-api': [
    ['cli/b.ts', `import 'zod'`],
    ['server/i.ts', `import type { ZodType } from 'zod'`],
  ],
  'logs-and-metrics-in-server': [
    ['upstream/f.ts', `import 'pino'`],
    ['registry/g.ts', `import 'prom-client'`],
  ],
  'commander-in-cli': [['first-start.ts', `import 'commander'`]],
  'piscina-in-server': [['formats/npm/d.ts', `import 'piscina'`]],
  'request-signing-in-s3-and-cli': [['upstream/g.ts', `import 'aws4fetch'`]],
  // Reported once per circle.
  'no-cycles': [['server/round.ts', `import './trip.ts'`]],
  'no-test-code-in-src': [
    ['server/j.ts', `import '../../test/support/wheel.ts'`],
    ['server/k.ts', `import './app.test.ts'`],
    ['server/l.ts', `import 'vitest'`],
  ],
  'no-development-dependencies-in-src': [['server/m.ts', `import 'knip'`]],
  'no-unlisted-dependencies': [['server/n.ts', `import 'stray'`]],
  'no-unresolvable-imports': [['server/o.ts', `import './gone.ts'`]],
}

/** Files that break nothing: each import here is one that the table of folders allows. */
const ALLOWED: readonly (readonly [file: string, source: string])[] = [
  ['policy/access/evaluate.ts', `import 'ipaddr.js'\nexport const evaluate = () => true`],
  [
    'registry/model.ts',
    `import { evaluate } from '../policy/access/evaluate.ts'\nexport const model = evaluate\nexport type Model = string`,
  ],
  [
    'formats/npm/index.ts',
    `import 'semver'\nimport 'hono'\nimport type { Contract } from '../format.ts'\nimport '../../registry/model.ts'`,
  ],
  ['formats/pypi/index.ts', `import 'htmlparser2'\nimport type { Rule } from '../../policy/access/evaluate.ts'`],
  ['outbound/client.ts', `import 'undici'\nimport 'node:net'`],
  [
    'upstream/fetch.ts',
    `import '../outbound/client.ts'\nimport '../registry/model.ts'\nimport type { IncomingMessage } from 'node:http'`,
  ],
  ['storage/sql/store.ts', `import 'kysely'\nimport 'pg'\nimport type { Rule } from '../../policy/access/evaluate.ts'`],
  ['storage/blobs/filesystem.ts', `import 'node:fs'\nimport 'aws4fetch'\nimport '../../registry/model.ts'`],
  ['auth/tokens.ts', `import 'jose'\nimport '../outbound/client.ts'`],
  ['api/operations.ts', `import 'zod'\nimport type { Model } from '../registry/model.ts'`],
  [
    'server/app.ts',
    `import 'hono'\nimport 'pino'\nimport 'node:http'\nimport '../api/operations.ts'\nimport '../auth/tokens.ts'`,
  ],
  ['server/app.test.ts', `import 'vitest'\nimport '../storage/sql/store.ts'\nimport '../../test/support/wheel.ts'`],
  [
    'main.ts',
    `import './config.ts'\nimport './maintenance.ts'\nimport './server/app.ts'\nimport './storage/sql/store.ts'\nimport 'hono'`,
  ],
  ['maintenance.ts', `import type { Config } from './config.ts'\nimport './storage/backup.ts'`],
  ['storage/backup.ts', `import 'tar-stream'`],
  ['cli/login.ts', `import 'commander'\nimport '../api/operations.ts'`],
]

const DEPENDENCIES = (
  'undici better-sqlite3 kysely pg jose semver tar-stream yauzl @fastify/busboy htmlparser2 ' +
  'hono @hono/node-server zod pino prom-client commander piscina aws4fetch ipaddr.js'
).split(' ')

async function plant(folder: string): Promise<void> {
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), `${text}\n`)
  }
  const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']))
  await write(
    'package.json',
    JSON.stringify({
      name: 'planted',
      type: 'module',
      dependencies: named(DEPENDENCIES),
      devDependencies: named(['vitest', 'knip']),
    }),
  )
  for (const name of [...DEPENDENCIES, 'vitest', 'knip', 'stray']) {
    await write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    await write(`node_modules/${name}/index.js`, '')
  }
  await write('test/support/wheel.ts', '')
  await write('src/server/trip.ts', `import './round.ts'`)
  for (const [file, source] of [...ALLOWED, ...Object.values(PLANTED).flat()]) await write(join('src', file), source)
}

async function violations(baseDir: string): Promise<readonly { rule: string; from: string }[]> {
  const { forbidden } = config as { forbidden: never[] }
  const { output } = await cruise(['src'], {
    ...config.options,
    baseDir,
    ruleSet: { forbidden },
    validate: true,
  } as Parameters<typeof cruise>[1])
  const found = (output as ICruiseResult).summary.violations
  return found.map((violation) => ({ rule: violation.rule.name, from: violation.from }))
}

describe('the rules on who may import whom', () => {
  let folder = ''
  let found: readonly { rule: string; from: string }[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'granary-imports-'))
    await plant(folder)
    found = await violations(folder)
  }, 60_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('has a planted violation of every rule', () => {
    expect(Object.keys(PLANTED).toSorted()).toEqual(config.forbidden.map((rule) => rule.name).toSorted())
  })

  it.each(config.forbidden)('$name says why in a sentence', ({ comment }) => {
    expect(comment).toMatch(/^[A-Za-z].{30,}\.$/)
  })

  it.each(Object.entries(PLANTED))('%s is caught wherever it is broken', (rule, files) => {
    const caught = found.filter((violation) => violation.rule === rule).map((violation) => violation.from)
    expect(caught).toEqual(expect.arrayContaining(files.map(([file]) => `src/${file}`)))
  })

  it.each(ALLOWED)('%s is let through', (file) => {
    expect(found.filter((violation) => violation.from === `src/${file}`)).toEqual([])
  })

  it('hold for the program', async () => {
    expect(await violations(root)).toEqual([])
  }, 60_000)
})
