import type { ServerResponse } from 'node:http'

/** Resolves when the bytes have left; false where the client has gone. */
export function written(response: ServerResponse, chunk: Uint8Array): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const gone = () => resolve(false)
    response.once('close', gone)
    response.write(chunk, (error) => {
      response.off('close', gone)
      resolve(!error)
    })
  })
}
