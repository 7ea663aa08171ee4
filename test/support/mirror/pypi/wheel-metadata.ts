import { buffer } from 'node:stream/consumers'
import { fromBufferPromise } from 'yauzl'

/** METADATA of a wheel, as it lies in it; null where it has none. */
export async function readWheelMetadata(wheel: Buffer): Promise<Buffer | null> {
  const zip = await fromBufferPromise(wheel)
  for await (const entry of zip.eachEntry())
    if (/^[^/]+\.dist-info\/METADATA$/.test(entry.fileName)) return buffer(await zip.openReadStreamPromise(entry))
  return null
}
