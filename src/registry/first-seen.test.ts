import { describe, expect, it } from 'vitest'
import type { IndexFacts, IndexFile, Instant } from './model.ts'
import { withFirstSeen } from './first-seen.ts'

const NOW = 1_000_000

const factsOf = (
  versions: Readonly<Record<string, Instant | null>>,
  files: Readonly<Record<string, readonly [version: string, publishedAt: Instant | null]>> = {},
): IndexFacts => ({
  versions: Object.entries(versions).map(([version, publishedAt]) => ({ version, publishedAt, license: null })),
  files: Object.entries(files).map(([file, [version, publishedAt]]): IndexFile => ({
    file,
    version,
    publishedAt,
    url: `https://files.example/${file}`,
    path: null,
    digests: {},
    size: null,
    sideCar: null,
  })),
  serial: null,
})

const timesOf = ({ versions, files }: IndexFacts) => [
  ...versions.map(({ publishedAt }) => publishedAt),
  ...files.map(({ publishedAt }) => publishedAt),
]

describe('a time of publishing that the index does not tell', () => {
  it.each([
    { what: 'is when it was first seen', facts: factsOf({ '1.0': null }), earlier: null, times: [NOW] },
    { what: 'stays what it was', facts: factsOf({ '1.0': null }), earlier: factsOf({ '1.0': 5 }), times: [5] },
    {
      what: 'is now for what is new beside what was there',
      facts: factsOf({ '1.0': null, '2.0': null }),
      earlier: factsOf({ '1.0': 5 }),
      times: [5, NOW],
    },
    {
      what: 'is that of the first file',
      facts: factsOf({ '1.0': null }, { a: ['1.0', 9], b: ['1.0', 7] }),
      earlier: null,
      times: [7, 9, 7],
    },
    {
      what: 'is the version’s for a file',
      facts: factsOf({ '1.0': 3 }, { a: ['1.0', null] }),
      earlier: null,
      times: [3, 3],
    },
    {
      what: 'is when a file was first seen, also where its version is older',
      facts: factsOf({ '1.0': 3 }, { a: ['1.0', null] }),
      earlier: factsOf({ '1.0': 3 }, { a: ['1.0', 8] }),
      times: [3, 8],
    },
    {
      what: 'is not asked for where all are told',
      facts: factsOf({ '1.0': 3 }),
      earlier: factsOf({ '1.0': 2 }),
      times: [3],
    },
  ])('$what', ({ facts, earlier, times }) => {
    expect(timesOf(withFirstSeen(facts, earlier, NOW))).toEqual(times)
  })
})
