import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { searchPath, type ClientHome } from './home.ts'
import { run, type Finished, type RunOptions } from './run.ts'

export type ClientName =
  'npm' | 'npx' | 'pnpm' | 'yarn' | 'bun' | 'python3' | 'pip' | 'twine' | 'uv' | 'poetry' | 'aws' | 'curl' | 'webhook'

/** Runs the client in `home`; by default in the home's own folder. */
export type Client = (
  home: ClientHome,
  args: readonly string[],
  options?: Partial<Omit<RunOptions, 'env'>> & { readonly env?: Readonly<Record<string, string>> },
) => Promise<Finished>

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of searchPath()) {
    const path = join(folder, name)
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

/** Whether a client that is missing is a failure. */
export const isRequired = (name: string): boolean => {
  const required = process.env.GRANARY_TEST_REQUIRE ?? ''
  return required === 'all' || required.split(',').includes(name)
}

/**
 * The real client, or the end of this test: it is skipped, and the report names the client that is missing. Where
 * GRANARY_TEST_REQUIRE is `all` or lists the client, the test fails instead. `context` is what vitest hands to a test.
 */
export async function requireClient(
  context: { readonly skip: (note: string) => never },
  name: ClientName,
): Promise<Client> {
  const program = await findProgram(name)
  if (program === undefined) {
    if (isRequired(name)) throw new Error(`${name} is not installed, and GRANARY_TEST_REQUIRE asks for it`)
    return context.skip(`${name} is not installed`)
  }
  return (home, args, options = {}) =>
    run(program, args, { cwd: home.folder, ...options, env: { ...home.env, ...options.env } })
}
