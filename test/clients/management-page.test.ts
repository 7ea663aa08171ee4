import { readFileSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'
import { run } from '../support/clients/run.ts'
import { startGranary } from '../support/granary.ts'
import { readShellBlocks } from '../support/shell-blocks.ts'

const CHECKOUT = resolve(import.meta.dirname, '../..')

it('docs/management.md: every command works as it stands there', async (context) => {
  await requireClient(context, 'aws')
  const blocks = readShellBlocks(readFileSync(join(CHECKOUT, 'docs/management.md'), 'utf8'))
  expect(blocks.length).toBeGreaterThan(10)
  await using granary = await startGranary({ env: { GRANARY_UPSTREAM_NPMJS: 'http://127.0.0.1:9/' } })
  await using home = await clientHome()
  // Granary's folder as the reader of the page has it: state is in data/.
  const folder = await home.project('granary')
  await mkdir(join(folder, 'data'))
  await cp(join(granary.data, 'credentials'), join(folder, 'data', 'credentials'))
  const programs = await layNpx(join(home.folder, 'bin'))

  const kept = join(home.folder, 'exported')
  await writeFile(kept, '')
  for (const { heading, commands } of blocks) {
    const typed = commands.replaceAll('http://127.0.0.1:8787', granary.url)
    const script = `. ${kept}\n${typed}\nexport -p > ${kept}`
    const env = { ...home.env, GRANARY_URL: granary.url, PATH: [programs, home.env['PATH']].join(delimiter) }
    const finished = await run('bash', ['-e', '-o', 'pipefail', '-c', script], { cwd: folder, env })
    expect(finished, `${heading}: ${typed}${finished.stdout}${finished.stderr}`).toMatchObject({ code: 0 })
  }
  const domains = await granary.json<{ name: string }[]>(home, 'domain', 'list')
  expect(domains.map(({ name }) => name)).toEqual(['local'])
  expect(await granary.json(home, 'user', 'list')).toEqual([expect.objectContaining({ name: 'admin' })])
  expect(await readdir(folder)).toEqual(['data'])
})

/** The page has fifty commands, and npx takes longer to find each than it takes to run. The tour's test has the real one. */
async function layNpx(folder: string): Promise<string> {
  await mkdir(folder)
  await writeFile(
    join(folder, 'npx'),
    `#!/bin/sh\nshift\nexec '${process.execPath}' '${CHECKOUT}/bin/granary.js' "$@"\n`,
  )
  await chmod(join(folder, 'npx'), 0o755)
  return folder
}
