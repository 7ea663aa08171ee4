import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { clientHome, type ClientHome } from './home.ts'
import { isRequired } from './require-client.ts'

/** Where `.ci/run` puts npm, pnpm, Yarn, Bun, Deno and Corepack in the versions of `.ci/npm-clients/package.json`. */
const clientsFolder = process.env.GRANARY_TEST_NPM_CLIENTS ?? resolve(import.meta.dirname, '../../../.ci/npm-clients')

/** A package manager in one version, as a dependency of `.ci/npm-clients/package.json` is called. */
export type NpmClientName =
  | 'npm-10'
  | 'npm-11'
  | 'npm-12'
  | 'pnpm-9'
  | 'pnpm-10'
  | 'pnpm-11'
  | 'pnpm-12'
  | 'yarn-1'
  | 'yarn-4'
  | 'bun'
  | 'deno'
  | 'corepack'

/** The program that people type: `npm` of `npm-10`. */
export const commandOf = (name: NpmClientName): string => name.replace(/-\d+$/, '')

/** The file that starts a client; undefined where it is not installed, or its install script was not run. */
async function findProgram(name: NpmClientName): Promise<string | undefined> {
  const folder = join(clientsFolder, 'node_modules', name)
  try {
    const { bin } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      readonly bin: string | Readonly<Record<string, string>>
    }
    return join(folder, typeof bin === 'string' ? bin : (bin[commandOf(name)] as string))
  } catch {
    return undefined
  }
}

/** Ends this test as `requireClient` does where the client is missing; otherwise gives the file that starts it. */
export async function requireNpmClient(
  context: { readonly skip: (note: string) => never },
  name: NpmClientName,
): Promise<string> {
  const program = await findProgram(name)
  if (program !== undefined) return program
  if (isRequired(name)) throw new Error(`${name} is not installed, and GRANARY_TEST_REQUIRE asks for it`)
  return context.skip(`${name} is not installed`)
}

/**
 * A home in which that client is what people type (`npm`, `yarn` …), and `node` is the Node.js of the tests: npm 12 and pnpm 11 do
 * not run on the older ones that machines have. All caches and stores lie below it, so a new home has none.
 */
export async function homeWith(name: NpmClientName, program: string): Promise<ClientHome> {
  const home = await clientHome()
  const bin = join(home.folder, 'bin')
  await mkdir(bin)
  await symlink(process.execPath, join(bin, 'node'))
  const start = /\.[cm]?js$/.test(program) ? `"${process.execPath}" "${program}"` : `"${program}"`
  await writeFile(join(bin, commandOf(name)), `#!/bin/sh\nexec ${start} "$@"\n`)
  await chmod(join(bin, commandOf(name)), 0o755)
  return {
    ...home,
    env: {
      ...home.env,
      PATH: [bin, home.env['PATH']].join(delimiter),
      // Started by root it keeps its cache where all users of the machine share it, not below HOME.
      ...(name === 'yarn-1' && { YARN_CACHE_FOLDER: join(home.folder, '.cache', 'yarn') }),
    },
  }
}
