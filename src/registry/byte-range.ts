/** Both ends count. */
export type ByteRange = { readonly start: number; readonly end: number }

/** A reading of a file of which only parts are at hand: yields the bytes that it has to be given next, exactly those. */
export type Steps<Result> = Generator<ByteRange, Result, Uint8Array>
