import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startMirror, startPypiMirror, type Mirror } from '../test/support/mirror/start.ts'
import { publicConnections } from '../src/upstream/public-registries.ts'
import { seedMirror } from './made-up.ts'

/** Each is started by the first case that needs it. */
export type Mirrors = AsyncDisposable & { npm(): Promise<Mirror>; pypi(): Promise<Mirror> }

/** Their copies lie in `folder`. */
export function openMirrors(folder: string): Mirrors {
  const stack = new AsyncDisposableStack()
  const started = new Map<string, Promise<Mirror>>()
  const once = (name: string, start: () => Promise<Mirror>) => {
    const running = started.get(name) ?? start().then((mirror) => stack.use(mirror))
    started.set(name, running)
    return running
  }
  return {
    npm: () => once('npm', async () => startMirror(join(folder, 'mirror'), await readNpmRegistry())),
    pypi: () =>
      once('pypi', async () => {
        await seedMirror(join(folder, 'pypi-mirror'))
        return startPypiMirror(join(folder, 'pypi-mirror'), await readIndex())
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const output = async (command: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(command, args)).stdout.trim()

/** The registry that npm itself is set to use here. */
const readNpmRegistry = (): Promise<string> => output('npm', 'config', 'get', 'registry')

/** The index that pip is set to use here; the public one where it is told nothing. */
async function readIndex(): Promise<string> {
  const told =
    process.env.PIP_INDEX_URL ??
    (await output('python3', '-m', 'pip', 'config', 'get', 'global.index-url').catch(() => undefined)) ??
    publicConnections().find(({ format }) => format === 'pypi')?.url
  if (told === undefined) throw new Error('no index of Python packages is known')
  return told.endsWith('/') ? told : `${told}/`
}
