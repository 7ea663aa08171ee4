import { readFileSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { expect } from 'vitest'
import type { ClientHome } from './clients/home.ts'
import { run } from './clients/run.ts'
import type { Granary } from './granary.ts'
import { readShellBlocks } from './shell-blocks.ts'

const CHECKOUT = resolve(import.meta.dirname, '../..')

/**
 * Types all commands of a page of documentation, as its reader would in Granary's folder, and gives back what they wrote.
 * A command that fails fails the test, and so does a file that the page leaves behind.
 */
export async function typePage(
  page: string,
  granary: Granary,
  home: ClientHome,
  {
    examples = [],
    instead = {},
  }: {
    /** Folders of examples/ that the page works in. */
    readonly examples?: readonly string[]
    /** What is typed in place of what stands on the page. */
    readonly instead?: Readonly<Record<string, string>>
  } = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const blocks = readShellBlocks(readFileSync(join(CHECKOUT, page), 'utf8'))
  expect(blocks.length).toBeGreaterThan(8)
  // Granary's folder as the reader of the page has it: state is in data/.
  const folder = await home.project('granary')
  await mkdir(join(folder, 'data'))
  await cp(join(granary.data, 'credentials'), join(folder, 'data', 'credentials'))
  for (const example of examples)
    await cp(join(CHECKOUT, 'examples', example), join(folder, 'examples', example), {
      recursive: true,
      filter: (path) => !path.includes('node_modules', CHECKOUT.length),
    })
  const before = await filesIn(folder)
  const programs = await layNpx(join(home.folder, 'bin'))
  const env = { ...home.env, GRANARY_URL: granary.url, PATH: [programs, home.env['PATH']].join(delimiter) }

  const kept = join(home.folder, 'exported')
  await writeFile(kept, '')
  const written = { stdout: '', stderr: '' }
  for (const { heading, commands } of blocks) {
    const typed = Object.entries({ 'http://127.0.0.1:8787': granary.url, ...instead }).reduce(
      (text, [shown, meant]) => text.replaceAll(shown, meant),
      commands,
    )
    const script = `. ${kept}\n${typed}\nexport -p > ${kept}`
    const finished = await run('bash', ['-e', '-o', 'pipefail', '-c', script], { cwd: folder, env })
    expect(finished, `${heading}: ${typed}${finished.stdout}${finished.stderr}`).toMatchObject({ code: 0 })
    written.stdout += finished.stdout
    written.stderr += finished.stderr
  }
  expect(await filesIn(folder)).toEqual(before)
  return written
}

const filesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true })).toSorted()

/** A page has fifty commands, and npx takes longer to find each than it takes to run. The tour's test has the real one. */
async function layNpx(folder: string): Promise<string> {
  await mkdir(folder)
  await writeFile(
    join(folder, 'npx'),
    `#!/bin/sh\nshift\nexec '${process.execPath}' '${CHECKOUT}/bin/granary.js' "$@"\n`,
  )
  await chmod(join(folder, 'npx'), 0o755)
  return folder
}
