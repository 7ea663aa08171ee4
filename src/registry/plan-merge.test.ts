import { describe, expect, it } from 'vitest'
import { ecosystem } from '../formats/pypi/ecosystem.ts'
import type { IndexFile } from './model.ts'
import { planMerge, type FileHere, type MergePlan, type MergeSource } from './plan-merge.ts'
import type { ConnectionName } from './names.ts'

const LINUX = 'cp312-cp312-linux_x86_64'
const MAC = 'cp312-cp312-macosx_11_0_arm64'
const WINDOWS = 'cp312-cp312-win_amd64'
const PURE = 'py3-none-any'

const fileOf = (what: string): string => (/ /.test(what) ? `a-${what.replace(' ', '-')}.whl` : what)
const versionIn = (file: string): string => /^a-([^-]+?)(?:\.tar\.gz|-)/.exec(file)?.[1] ?? ''

/** `1.0 TAGS`, and behind `#` a digest; its own where left out. */
function here(what: string): FileHere {
  const [named = '', digest] = what.split('#')
  const file = fileOf(named)
  return { file, version: versionIn(file), digests: { sha256: digest ?? `${file} itself` } }
}
const listed = (what: string): IndexFile => ({
  ...here(what),
  url: 'https://files.example/',
  path: null,
  size: null,
  publishedAt: null,
  sideCar: null,
})
const source = (name: string, files: readonly string[], more: Partial<MergeSource> = {}): MergeSource => ({
  connection: `x:${name}` as ConnectionName,
  facts: {
    files: files.map(listed),
    versions: [...new Set(files.map((file) => here(file).version))].map((version) => ({
      version,
      publishedAt: null,
      license: null,
    })),
    serial: null,
  },
  kept: [],
  ...more,
})
const gone = (name: string, kept: readonly string[]): MergeSource =>
  source(name, [], { facts: null, kept: kept.map(here) })

const plan = (mode: 'all' | 'extra-wheels', hosted: readonly string[], ...sources: readonly MergeSource[]) =>
  planMerge({ mode, isOurs: false }, hosted.map(here), sources, ecosystem.merging)
/** `x:first 1.0 TAGS` */
const shown = ({ facts, kept }: MergePlan): readonly string[] => [
  ...facts.files.map(({ from, file }) => `${from} ${file}`),
  ...kept.map(([file, from]) => `kept ${from} ${file}`),
]
const of = (name: string, ...files: readonly string[]) => files.map((file) => `x:${name} ${fileOf(file)}`)

describe('extra wheels', () => {
  it.each<[string, readonly string[], readonly MergeSource[], readonly string[]]>([
    [
      'the first source has all of what it has',
      [],
      [source('a', [`1.0 ${PURE}`, `2.0 ${LINUX}`, 'a-1.0.tar.gz'])],
      of('a', `1.0 ${PURE}`, `2.0 ${LINUX}`, 'a-1.0.tar.gz'),
    ],
    [
      'a source without the name is passed over',
      [],
      [source('a', []), source('b', [`1.0 ${PURE}`])],
      of('b', `1.0 ${PURE}`),
    ],
    [
      'what is published here decides',
      [`1.0 ${LINUX}`],
      [source('a', [`1.0 ${MAC}`, `2.0 ${MAC}`])],
      of('a', `1.0 ${MAC}`),
    ],
    [
      'versions are compared, not their spellings',
      [`1.0 ${LINUX}`],
      [source('a', [`1.0.0 ${MAC}`, `1.0+x ${MAC}`])],
      of('a', `1.0.0 ${MAC}`),
    ],
    [
      'no source distribution is added, and nothing for all machines',
      [`1.0 ${LINUX}`],
      [source('a', ['a-1.0.tar.gz', `1.0 ${PURE}`])],
      [],
    ],
    ['nothing is added to what is for all machines', [`1.0 ${PURE}`], [source('a', [`1.0 ${MAC}`])], []],
    ['nothing is added to a source distribution', ['a-1.0.tar.gz'], [source('a', [`1.0 ${MAC}`])], []],
    [
      'a version is its own matter',
      [`1.0 ${PURE}`, `2.0 ${LINUX}`],
      [source('a', [`1.0 ${MAC}`, `2.0 ${MAC}`])],
      of('a', `2.0 ${MAC}`),
    ],
    [
      'of two that would add for a machine the higher does',
      [`1.0 ${LINUX}`],
      [source('a', [`1.0 ${MAC}`]), source('b', [`1.0 1-${MAC}`, `1.0 ${WINDOWS}`])],
      [...of('a', `1.0 ${MAC}`), ...of('b', `1.0 ${WINDOWS}`)],
    ],
    [
      'files of one source do not keep each other away',
      [`1.0 ${LINUX}`],
      [source('a', [`1.0 ${MAC}`, `1.0 1-${MAC}`])],
      of('a', `1.0 ${MAC}`, `1.0 1-${MAC}`),
    ],
    [
      'what was fetched of a source that has the name no more still decides',
      [],
      [gone('a', [`1.0 ${LINUX}`]), source('b', [`1.0 ${MAC}`, `2.0 ${MAC}`])],
      [...of('b', `1.0 ${MAC}`), `kept x:a ${fileOf(`1.0 ${LINUX}`)}`],
    ],
    [
      'what was fetched of a lower source is asked no less',
      [`1.0 ${LINUX}`],
      [gone('a', [`1.0 ${PURE}`, `2.0 ${MAC}`, `1.0 ${MAC}`])],
      [`kept x:a ${fileOf(`1.0 ${MAC}`)}`],
    ],
  ])('%s', (_what, hosted, sources, expected) => {
    expect(shown(plan('extra-wheels', hosted, ...sources))).toEqual(expected)
  })

  it('are not added to a version that is not to be listed, whose file names are taken all the same', () => {
    const hidden = [`1.0 ${LINUX}`].map((file) => ({ ...here(file), isHidden: true as const }))
    const sources = [source('a', [`1.0 ${MAC}`, `1.0 ${LINUX}#other`])]
    const { facts, dropped } = planMerge({ mode: 'extra-wheels', isOurs: true }, hidden, sources, ecosystem.merging)
    expect(facts.files).toEqual([])
    expect(dropped).toMatchObject([{ file: fileOf(`1.0 ${LINUX}`), kept: { from: null } }])
  })

  it.each([
    ['extra-wheels', []],
    ['all', of('a', `1.0 ${LINUX}`)],
  ] as const)('of a name that is ours, nothing of which is here, no connection decides: %s', (mode, expected) => {
    const made = planMerge(
      { mode, isOurs: true },
      [],
      [source('a', [`1.0 ${LINUX}`]), gone('b', [`1.0 ${MAC}`])],
      ecosystem.merging,
    )
    expect(made.facts.files.map(({ from, file }) => `${from} ${file}`)).toEqual(expected)
  })

  it('bring no version without files', () => {
    const { facts } = plan('extra-wheels', [`1.0 ${LINUX}`], source('a', [`1.0 ${MAC}`, `2.0 ${MAC}`]))
    expect(facts.versions.map(({ version, from }) => `${from} ${version}`)).toEqual(['x:a 1.0'])
  })
})

describe('all files', () => {
  it.each<[string, readonly string[], readonly MergeSource[], readonly string[]]>([
    [
      'are those of all sources',
      [`1.0 ${PURE}`],
      [source('a', [`2.0 ${PURE}`]), source('b', ['a-1.0.tar.gz'])],
      [...of('a', `2.0 ${PURE}`), ...of('b', 'a-1.0.tar.gz')],
    ],
    [
      'of one name are those of the highest',
      [`1.0 ${PURE}`],
      [source('a', [`1.0 ${PURE}#x`, `2.0 ${PURE}#x`]), source('b', [`2.0 ${PURE}`])],
      of('a', `2.0 ${PURE}`),
    ],
    [
      'that were fetched count as what they are kept as',
      [],
      [source('a', [`1.0 ${PURE}#new`], { kept: [here(`1.0 ${PURE}#old`)] }), source('b', [`1.0 ${PURE}#new`])],
      [...of('a', `1.0 ${PURE}`), `kept x:a ${fileOf(`1.0 ${PURE}`)}`],
    ],
    [
      'that were fetched of a lower source give way as well',
      [],
      [source('a', [`1.0 ${PURE}`]), gone('b', [`1.0 ${PURE}#other`, `2.0 ${PURE}`])],
      [...of('a', `1.0 ${PURE}`), `kept x:b ${fileOf(`2.0 ${PURE}`)}`],
    ],
  ])('%s', (_what, hosted, sources, expected) => {
    expect(shown(plan('all', hosted, ...sources))).toEqual(expected)
  })

  it('of a version have the spelling of the first source that has it, and are as old as their own source says', () => {
    const timed = (name: string, version: string, publishedAt: number) => {
      const made = source(name, [`${version} ${name === 'a' ? LINUX : MAC}`])
      const versions = [{ version, publishedAt, license: null }]
      return { ...made, facts: made.facts && { ...made.facts, versions } }
    }
    const { facts } = plan('all', [], timed('a', '1.0', 1), timed('b', '1.0.0', 2))
    expect(facts.versions).toEqual([{ version: '1.0', publishedAt: 1, license: null, from: 'x:a' }])
    expect(facts.files.map(({ version, publishedAt }) => [version, publishedAt])).toEqual([
      ['1.0', 1],
      ['1.0', 2],
    ])
  })
})

describe('of two files with one name', () => {
  it.each<[string, string, readonly unknown[]]>([
    ['the same bytes are nothing to tell of', `1.0 ${PURE}`, []],
    ['the same bytes in capital letters neither', `1.0 ${PURE}#${fileOf(`1.0 ${PURE}`).toUpperCase()} ITSELF`, []],
    [
      'other bytes are told with both digests',
      `1.0 ${PURE}#other`,
      [{ kept: { from: null }, dropped: { from: 'x:a', digests: { sha256: 'other' } } }],
    ],
  ])('%s', (_what, file, expected) => {
    for (const mode of ['all', 'extra-wheels'] as const)
      expect(plan(mode, [`1.0 ${PURE}`], source('a', [file])).dropped).toMatchObject(expected)
  })

  it('of what several repositories keep of one source the first along the way counts', () => {
    const kept = gone('a', [`1.0 ${PURE}#first`, `1.0 ${PURE}#second`])
    const { dropped } = plan('all', [], kept, source('b', [`1.0 ${PURE}#second`]))
    expect(dropped).toMatchObject([{ kept: { digests: { sha256: 'first' } } }])
  })

  it('what no digest compares is dropped without a word', () => {
    const unknown = source('a', [`1.0 ${PURE}`])
    const files = unknown.facts?.files.map((file) => ({ ...file, digests: { md5: 'x' } })) ?? []
    const { facts, dropped } = plan('all', [`1.0 ${PURE}`], {
      ...unknown,
      facts: unknown.facts && { ...unknown.facts, files },
    })
    expect([facts.files, dropped]).toEqual([[], []])
  })
})

// ---------------------------------------------------------------------- what holds for whatever sources have

/** Mulberry32. */
function generator(seed: number) {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const POOL = ['1.0', '1.0.0', '2.0', '3.0'].flatMap((version) =>
  [LINUX, MAC, WINDOWS, PURE, `1-${LINUX}`, 'cp39-abi3-manylinux_2_28_x86_64'].map((tags) => `${version} ${tags}`),
)

function anySources(random: (below: number) => number) {
  const some = () => POOL.filter(() => random(4) === 0).map((file) => `${file}#${random(2)}`)
  const hosted = random(2) === 0 ? [] : some()
  const sources = ['a', 'b', 'c'].map((name) =>
    random(5) === 0 ? gone(name, some()) : source(name, some(), { kept: some().slice(0, 2).map(here) }),
  )
  return { hosted, sources }
}

const WORLDS = Array.from({ length: 300 }, (_, seed) => anySources(generator(seed)))

/** File -> where it is from, with what is here. */
const winners = (hosted: readonly string[], made: MergePlan) =>
  new Map<string, string>([
    ...made.facts.files.map(({ file, from }) => [file, String(from)] as const),
    ...made.kept,
    ...hosted.map((file) => [here(file).file, 'here'] as const),
  ])

describe.each(['all', 'extra-wheels'] as const)('whatever sources have, in mode %s', (mode) => {
  it('no file of a lower source stands in the place of a higher one, nor goes away for one', () => {
    for (const { hosted, sources } of WORLDS) {
      const whole = winners(hosted, plan(mode, hosted, ...sources))
      for (let count = 0; count < sources.length; count++) {
        // INVARIANT: what the higher ones give alone stands, whatever the lower ones have.
        for (const [file, from] of winners(hosted, plan(mode, hosted, ...sources.slice(0, count))))
          expect(whole.get(file)).toBe(from)
      }
    }
  })

  it('nobody gives what it does not have, and nothing is given twice', () => {
    for (const { hosted, sources } of WORLDS) {
      const { facts, kept } = plan(mode, hosted, ...sources)
      expect(new Set(facts.files.map(({ file }) => file)).size).toBe(facts.files.length)
      for (const { file, from } of facts.files) {
        const own = sources.find(({ connection }) => connection === from)
        expect(own?.facts?.files.map((one) => one.file)).toContain(file)
        expect(hosted.map((one) => here(one).file)).not.toContain(file)
      }
      for (const [file, from] of kept)
        expect(sources.find(({ connection }) => connection === from)?.kept.map((one) => one.file)).toContain(file)
    }
  })

  it('the order in which one source lists its files does not matter', () => {
    for (const [seed, { hosted, sources }] of WORLDS.entries()) {
      const random = generator(seed + 1_000)
      const shuffled = sources.map((one) => ({
        ...one,
        facts: one.facts && { ...one.facts, files: one.facts.files.toSorted(() => random(3) - 1) },
        kept: one.kept.toReversed(),
      }))
      const [straight, mixed] = [plan(mode, hosted, ...sources), plan(mode, hosted.toReversed(), ...shuffled)]
      expect(winners(hosted, mixed)).toEqual(winners(hosted, straight))
      expect(new Set(mixed.dropped.map(({ file, dropped }) => `${dropped.from} ${file}`))).toEqual(
        new Set(straight.dropped.map(({ file, dropped }) => `${dropped.from} ${file}`)),
      )
    }
  })
})

it('whatever sources have, a lower one adds no version as an extra, no source distribution and nothing for any machine', () => {
  const { versionKey } = ecosystem.merging
  for (const { hosted, sources } of WORLDS) {
    const all = [{ name: 'here', files: hosted.map(here) }, ...sources.map(filesOf)]
    const first = all.find(({ files }) => files.length > 0)
    const versions = new Set(first?.files.map(({ version }) => versionKey(version)))
    const added = [...winners(hosted, plan('extra-wheels', hosted, ...sources))].filter(
      ([, from]) => from !== first?.name,
    )
    for (const [file] of added) {
      expect(versions).toContain(versionKey(versionIn(file)))
      expect(file).not.toMatch(/-any\.whl$|\.tar\.gz$/)
    }
  }
})

const filesOf = ({ connection, facts, kept }: MergeSource) => ({
  name: String(connection),
  files: [...(facts?.files ?? []), ...kept],
})
