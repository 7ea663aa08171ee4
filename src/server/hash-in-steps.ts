import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'

const STEP_BYTES = 128 * 1024

/** The sha256 of bytes in memory: 20 MB take 20 ms. In steps of a tenth of a millisecond, between which others are served. */
export async function hashInSteps(bytes: Uint8Array): Promise<Buffer> {
  const hash = createHash('sha256')
  for (let at = 0; at < bytes.length; at += STEP_BYTES) {
    if (at > 0) await nextTurn()
    hash.update(bytes.subarray(at, at + STEP_BYTES))
  }
  return hash.digest()
}
