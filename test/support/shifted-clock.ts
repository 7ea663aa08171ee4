// Hours that pass in a moment: for servers in the process of the test, whose clock is the process's own.

const RealDate = Date
let ahead = 0

class ShiftedDate extends RealDate {
  constructor(...given: readonly [] | readonly [number | string | Date]) {
    if (given.length === 0) super(ShiftedDate.now())
    else super(given[0])
  }

  static override now(): number {
    return RealDate.now() + ahead
  }
}

/** From now on the process's clock is so much further, on top of what passed before. Timers run as ever. */
export function passTime(ms: number): void {
  ahead += ms
  globalThis.Date = ShiftedDate as DateConstructor
}

export function restoreTime(): void {
  ahead = 0
  globalThis.Date = RealDate
}
