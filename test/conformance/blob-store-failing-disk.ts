import promises, { type FileHandle } from 'node:fs/promises'
import type { FileSystem } from '../../src/storage/blobs/layout.ts'

/** One system call: `sync /data/tmp/x.pending`, `rename /data/tmp/x.pending -> /data/blobs/…`. */
export type SystemCall = { readonly call: string; readonly path: string; readonly to?: string }

export type Watch = (call: SystemCall) => void | Promise<void>

/**
 * The real filesystem, with somebody watching each call: `watch` may throw, and then the call fails with that before it does
 * anything; or take its time, and then the call waits. Descriptors' calls (`write`, `sync`, `close` …) carry the path that was opened.
 */
export function watchedFileSystem(watch: Watch): FileSystem {
  const watched =
    (call: string, run: (...args: never[]) => Promise<unknown>, hasTarget = false) =>
    async (...args: unknown[]) => {
      await watch({ call, path: String(args[0]), ...(hasTarget ? { to: String(args[1]) } : {}) })
      const result = await run(...(args as never[]))
      return call === 'open' ? watchedHandle(result as FileHandle, String(args[0]), watch) : result
    }
  return {
    open: watched('open', promises.open),
    mkdir: watched('mkdir', promises.mkdir),
    rename: watched('rename', promises.rename, true),
    link: watched('link', promises.link, true),
    unlink: watched('unlink', promises.unlink),
    stat: watched('stat', promises.stat),
    readdir: watched('readdir', promises.readdir),
    utimes: watched('utimes', promises.utimes),
  } as FileSystem
}

function watchedHandle(handle: FileHandle, path: string, watch: Watch): FileHandle {
  return new Proxy(handle, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        // A close that failed must close all the same, or the test leaks the descriptor.
        if (property === 'close') await value.apply(target, args)
        await watch({ call: String(property), path })
        return property === 'close' ? undefined : value.apply(target, args)
      }
    },
  })
}

/** As the system reports it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code })
}
