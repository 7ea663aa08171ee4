import { RegistryError } from '../registry/errors.ts'

// How much memory an index takes is known before it is parsed, roughly: V8 ends the whole process where a thread runs out of
// it, so what an upstream sends must not decide that.

/** Documents below this many bytes fit in memory whatever they consist of. */
const HARMLESS_BYTES = 1_000_000
// A manifest has a dozen lists and objects in 2 KB, so these allow whatever fits into the largest index that is fetched. Text
// that is all brackets (`[],[],`) takes fifty times its own size once it is parsed.
const MAX_CONTAINERS = 1_000_000
const MAX_COMMAS = 5_000_000

const COMMA = 0x2c
const BRACKET = 0x5b
const BRACE = 0x7b

/** Throws `upstream_down` for JSON that would take gigabytes. Brackets inside of texts count as well: they are few. */
export function refuseHeavyIndex(document: Uint8Array): void {
  if (document.byteLength <= HARMLESS_BYTES) return
  let containers = 0
  let commas = 0
  for (let at = 0; at < document.byteLength; at++) {
    const byte = document[at]
    if (byte === COMMA) commas += 1
    else if (byte === BRACKET || byte === BRACE) containers += 1
  }
  if (containers > MAX_CONTAINERS || commas > MAX_COMMAS) {
    throw new RegistryError('upstream_down', `it has ${containers} lists and objects, more than can be read here`)
  }
}
