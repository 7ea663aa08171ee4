import { Piscina } from 'piscina'
import type { Format } from '../formats/format.ts'
import type { FetchedIndex } from '../registry/ecosystem.ts'
import { RegistryError } from '../registry/errors.ts'
import type { PackageName } from '../registry/names.ts'
import type { Failed, ReadIndexJob, ReadIndexResult, RenderJob, RenderResult } from './worker.ts'

export type Workers = AsyncDisposable & {
  readIndex(format: Format, fetched: FetchedIndex, name: PackageName): Promise<ReadIndexResult>
  render(format: Format, input: RenderJob['input'], encoding: RenderJob['encoding']): Promise<RenderResult>
}

/** Threads that parse and render. Two at the most: each may hold a parsed 40 MB document. */
export function startWorkers(): Workers {
  // In a checkout this file is TypeScript and so is the worker; in an installed package both are JavaScript.
  const filename = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url).href
  const pool = new Piscina({ filename, minThreads: 0, maxThreads: Number(process.env.WT ?? 2), idleTimeout: 5_000, recordTiming: false, ...(process.env.WY ? { resourceLimits: { maxYoungGenerationSizeMb: Number(process.env.WY), maxOldGenerationSizeMb: 512 } } : {}) })
  const run = async <Result>(name: string, job: ReadIndexJob | RenderJob): Promise<Result> => {
    const result = (await pool.run(job, { name })) as Result | Failed
    if (typeof result === 'object' && result !== null && 'failed' in result) {
      throw new RegistryError(result.failed.code, result.failed.message)
    }
    return result as Result
  }
  return {
    readIndex: (format, fetched, name) => run('readIndex', { renderer: format.renderer.href, fetched, name }),
    render: (format, input, encoding) => run('render', { renderer: format.renderer.href, input, encoding }),
    async [Symbol.asyncDispose]() {
      await pool.destroy()
    },
  }
}
