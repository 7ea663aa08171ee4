import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts something that keeps all it has in a new folder, which goes with it, and also where it does not start. */
export async function inNewFolder<Started extends AsyncDisposable>(
  name: string,
  start: (folder: string, stack: AsyncDisposableStack) => Promise<Started>,
): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), `granary-bench-${name}-`))
  const stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  try {
    const started = await start(folder, stack)
    return { ...started, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
