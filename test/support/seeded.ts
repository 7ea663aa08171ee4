/** Numbers that look random and come again with the same seed: a run that failed can be told to somebody. */
export type Seeded = {
  readonly seed: number
  /** From 0 up to, not including, `end`. */
  below(end: number): number
  bytes(length: number): Buffer
}

/** The seed is GRANARY_FAULT_SEED, or a new one; it is printed, for who wants to see the run again. */
export function seeded(what: string): Seeded {
  const seed = Number(process.env.GRANARY_FAULT_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.info(`${what}: GRANARY_FAULT_SEED=${seed}`)
  const next = mulberry32(seed)
  return {
    seed,
    below: (end) => Math.floor(next() * end),
    bytes(length) {
      const made = Buffer.allocUnsafe(length + 4)
      for (let at = 0; at < length; at += 4) made.writeUInt32LE(Math.floor(next() * 2 ** 32), at)
      return made.subarray(0, length)
    },
  }
}

/** A well-known small generator: 32 bits of state, every state once. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
