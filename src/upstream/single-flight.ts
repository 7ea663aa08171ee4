/** Resolves when all that is under way now has ended, well or not. */
export type Settling = { settled(): Promise<void> }

/** Work under way, by key: whoever asks for the same thing meanwhile gets the same promise. */
export class SingleFlight<T> implements Settling {
  readonly #flights = new Map<string, Promise<T>>()

  run(key: string, start: () => Promise<T>): Promise<T> {
    const underWay = this.#flights.get(key)
    if (underWay) return underWay
    const flight = start().finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#flights.values())
  }
}
