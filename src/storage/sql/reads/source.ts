import type { Executor } from '../executor.ts'
import type { Queries } from '../schema.ts'

/** What reading takes: something that writes queries and something that runs them. */
export type Source = { readonly executor: Executor; readonly queries: Queries }
