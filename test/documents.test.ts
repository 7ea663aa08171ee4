import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, describeSettings, readSettings } from '../src/config.ts'
import { compilePattern } from '../src/events/pattern.ts'
import { wireType } from '../src/events/wire.ts'
import { PACKAGE_VERSION_EVENT } from '../src/registry/events.ts'

const ROOT = resolve(import.meta.dirname, '..')
const read = (page: string) => readFile(join(ROOT, page), 'utf8')

const decisions = (await readdir(join(ROOT, 'docs/decisions'))).filter((file) => /^\d{4}-/.test(file)).toSorted()
const guides = (await readdir(join(ROOT, 'docs'))).filter((file) => file.endsWith('.md'))
const pages = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...guides.map((file) => `docs/${file}`),
  'docs/decisions/README.md',
  ...decisions.map((file) => `docs/decisions/${file}`),
]

/** What is made when a server or CI runs: named, but in no checkout. */
const AT_RUN_TIME =
  /^(data\/|\.ci\/(venv|results)|bench\/(node_modules|results)|node_modules|dist\/|blobs\/|kept\/|tmp\/)/

const named = new Set(
  (await readdir(ROOT, { recursive: true })).filter(
    (path) => !/(^|\/)(node_modules|\.git|dist|data|results)\//.test(path),
  ),
)
/** A page may leave out the folder that it is about: `server/app.ts`, `renderer.ts`. */
const isNamed = (path: string): boolean => {
  const plain = path.replace(/\/$/, '')
  return named.has(plain) || [...named].some((known) => known.endsWith(`/${plain}`))
}

describe('every page', () => {
  it.each(pages)('%s names only files and folders that exist', async (page) => {
    const text = await read(page)
    // In backticks: what has a slash and begins with a folder of ours, or has the extension of a source file.
    const quoted = [...text.matchAll(/`([\w.-]+(?:\/[\w.*-]+)*\/?)`/g)].map(([, path = '']) => path)
    const ours = quoted.filter(
      (path) =>
        (/^(src|test|docs|bin|bench|examples|\.ci)\//.test(path) || /\.(ts|cjs|yaml)$/.test(path)) &&
        !path.includes('*') &&
        !AT_RUN_TIME.test(path) &&
        !/NNNN/.test(path),
    )
    expect(ours.filter((path) => !isNamed(path))).toEqual([])
  })

  it.each(pages)('%s links to what exists', async (page) => {
    const text = await read(page)
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    const broken = []
    for (const link of links) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      const isThere = existsSync(join(ROOT, target))
      const anchors = anchor === undefined || !isThere ? [] : headingsOf(await read(target))
      if (!isThere || (anchor !== undefined && !anchors.includes(anchor))) broken.push(link)
    }
    expect(broken).toEqual([])
  })
})

/** As Git hosts make anchors of headings. */
const headingsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )

describe('ARCHITECTURE.md', () => {
  it('has a tree of files that exist', async () => {
    const [, tree = ''] = /```\n([^]*?)\n```/.exec(await read('ARCHITECTURE.md')) ?? []
    const files = [...tree.matchAll(/(?<![\w./-])(?:[\w-]+\/)*[\w-]+\.(?:ts|js|cjs)\b/g)].map(([file]) => file)
    const folders = [...tree.matchAll(/^(\w+(?:\/\w+)*)\//gm)].map(([folder]) => folder)
    expect(files.length).toBeGreaterThan(20)
    expect(folders.length).toBeGreaterThan(10)
    expect([...files, ...folders].filter((path) => !isNamed(path))).toEqual([])
  })

  it('names every folder of the program', async () => {
    const text = await read('ARCHITECTURE.md')
    const folders = new Set([...named].flatMap((path) => /^src\/(\w+)\/.*\.ts$/.exec(path)?.[1] ?? []))
    expect([...folders].filter((folder) => !text.includes(`src/${folder}/`))).toEqual([])
  })
})

describe('docs/configuration.md', () => {
  type Row = { readonly setting: string; readonly flag: string; readonly variable: string; readonly fallback: string }
  const readRows = async (): Promise<readonly Row[]> => {
    const line = /^\| `(\w+)` \| (?:`--([\w-]+)`)? ?\| `(\w+)` \| (?:`([^`]*)`)? ?\|/gm
    return [...(await read('docs/configuration.md')).matchAll(line)].map(
      ([, setting = '', flag = '', variable = '', fallback = '']) => ({ setting, flag, variable, fallback }),
    )
  }

  it('has every setting with its variable and its default, and no other', async () => {
    const settings = describeSettings(readSettings([], {})).map(({ setting, variable, value }) => ({
      setting,
      variable,
      fallback: value,
    }))
    const rows = (await readRows()).map(({ setting, variable, fallback }) => ({ setting, variable, fallback }))
    expect(rows).toEqual(settings)
  })

  it('has the flag of each setting that has one', async () => {
    const given = (flag: string) => readSettings([`--${flag}`, 'x'], {})
    for (const { setting, flag } of await readRows()) {
      if (flag !== '') expect(given(flag), flag).toMatchObject({ [setting]: { value: 'x', source: 'flag' } })
      else {
        const kebab = setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
        expect(() => given(kebab)).toThrow(ConfigError)
      }
    }
  })
})

describe('docs/events.md', () => {
  /** What the program announces: texts of capitalised words that end in a participle. */
  const readTypes = async (): Promise<ReadonlySet<string>> => {
    const sources = [...named].filter((path) => /^src\/(registry|auth|events|server)\/.*(?<!\.test)\.ts$/.test(path))
    const texts = await Promise.all(sources.map(read))
    const written = texts.flatMap((text) =>
      [...text.matchAll(/'((?:[A-Z][a-z]+ )+(?:[A-Z][a-z]+ed|Withdrawn))'/g)].map(([, type = '']) => type),
    )
    return new Set([PACKAGE_VERSION_EVENT, ...written, ...PUT_TOGETHER])
  }
  /** `manage-policies.ts` makes these of parts. */
  const PUT_TOGETHER = ['Domain', 'Repository'].flatMap((of) => [`${of} Policy Put`, `${of} Policy Deleted`])

  it('has every event that the program announces, with its type on the wire, and no other', async () => {
    const rows = [...(await read('docs/events.md')).matchAll(/^\| `([A-Z][\w ]+)` \| (`[^|]+`) \| /gm)]
    const types = rows.map(([, type = '']) => type)
    expect(types.toSorted()).toEqual([...(await readTypes())].toSorted())
    for (const [, type = '', shown = ''] of rows) {
      const operations = type === PACKAGE_VERSION_EVENT ? ['Created', 'Updated', 'Deleted'] : ['']
      const onTheWire = operations.map((operationType) => `\`${wireType({ type, detail: { operationType } })}\``)
      expect(shown, type).toBe(onTheWire.join(', '))
    }
  })

  it('has patterns that are valid, and match what they are said to match', async () => {
    const page = await read('docs/events.md')
    const [, section = ''] = /^## Patterns$([^]*?)^## /m.exec(page) ?? []
    const rows = [...section.matchAll(/^\| `(\[.*\])` \| (.+) \| (.+) \|$/gm)]
    expect(rows.length).toBeGreaterThan(15)
    const valueOf = (cell: string) => (cell === 'nothing' ? {} : { field: JSON.parse(cell.slice(1, -1)) as unknown })
    for (const [, list = '', matching = '', other = ''] of rows) {
      const { matches } = compilePattern(`{"field":${list}}`)
      expect([matches(valueOf(matching)), matches(valueOf(other))], list).toEqual([true, false])
    }
    const example: unknown = JSON.parse(/^## What is sent$[^]*?```json\n([^]*?)```/m.exec(page)?.[1] ?? '')
    const blocks = [...section.matchAll(/```json\n([^]*?)```/g)].map(([, text = '']) => compilePattern(text))
    expect(blocks.map((pattern) => pattern.matches((example as { data: unknown }).data))).toEqual([true, true])
  })
})

describe('decisions', () => {
  it('are numbered without gaps, and the list has them all', async () => {
    expect(decisions.map((file) => Number(file.slice(0, 4)))).toEqual(decisions.map((_, at) => at))
    const listed = [...(await read('docs/decisions/README.md')).matchAll(/^\| \[(\d{4})\]\(([^)]+)\) \| (.*) \|$/gm)]
    const titles = await Promise.all(
      decisions.slice(1).map(async (file) => {
        const [, number, title] = /^# (\d{4})\. (.*)$/m.exec(await read(`docs/decisions/${file}`)) ?? []
        return [number, file, title]
      }),
    )
    expect(listed.map(([, ...row]) => row)).toEqual(titles)
  })

  it.each(decisions)('%s has every part of the template', async (file) => {
    const text = await read(`docs/decisions/${file}`)
    expect([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual([
      'Context',
      'Decision',
      'Instead of',
      'Consequences',
    ])
    expect(text).toMatch(/^Date: (\d{4}-\d\d-\d\d|YYYY-MM-DD)\. Status: (accepted|replaced by \d{4})/m)
  })
})
