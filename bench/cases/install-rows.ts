import type { Installed } from '../clients/install-from.ts'
import { median, round, type Row } from '../report.ts'

/** One install, and what it was to the server. */
export type Sample = Installed & {
  readonly residentMiB: number
  readonly peakMiB: number
  /** What the upstream was asked for, by kind. */
  readonly asked: string
}

/** nginx has no upstream. */
export const installRows = (samples: ReadonlyMap<string, readonly Sample[]>): readonly Row[] =>
  [...samples].map(([name, taken]) => ({
    peer: name,
    value: median(taken.map(({ seconds }) => seconds)),
    columns: {
      'server CPU s': round(median(taken.map(({ cpuSeconds }) => cpuSeconds))),
      'MiB resident': round(taken.at(-1)?.residentMiB ?? 0),
      'peak MiB': round(taken.at(-1)?.peakMiB ?? 0),
      'asked upstream': name === 'nginx' ? '' : (taken.at(-1)?.asked ?? ''),
    },
  }))
