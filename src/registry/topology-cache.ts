/**
 * Remembers what was read from the store for as long as the topology counter stands still, at most `limit` entries. What a
 * request reads through it is at least as new as the counter that the request saw.
 */
export class TopologyCache<V> {
  readonly #limit: number
  #topology = -1
  #entries = new Map<string, Promise<V>>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Concurrent requests for one key share one `load`; a load that fails is forgotten. */
  read(topology: number, key: string, load: () => Promise<V>): Promise<V> {
    // A request that saw an older counter gets the newer entries: rights never go back in time.
    if (topology > this.#topology) {
      this.#topology = topology
      this.#entries = new Map()
    }
    // A load that outlives its generation ends in that generation's map, which nobody reads any more.
    const entries = this.#entries
    const known = entries.get(key)
    if (known) return known
    const loading = load()
    entries.set(key, loading)
    if (entries.size > this.#limit) entries.delete(entries.keys().next().value as string)
    loading.catch(() => entries.delete(key))
    return loading
  }
}
