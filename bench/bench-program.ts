import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const bench = import.meta.dirname

/** The path of a program of this folder's own packages (`verdaccio/bin/verdaccio`), which are installed when first needed. */
export async function benchProgram(path: string): Promise<string> {
  const program = join(bench, 'node_modules', path)
  if (!existsSync(program)) {
    process.stderr.write('installing what is measured beside Granary into bench/node_modules …\n')
    const quiet = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts']
    await promisify(execFile)('npm', ['install', '--prefix', bench, ...quiet], { cwd: bench })
  }
  if (!existsSync(program)) throw new Error(`${path} is not in bench/node_modules: has bench/package.json changed?`)
  return program
}
