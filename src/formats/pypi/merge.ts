import { planMerge, type MergePlan } from '../../registry/plan-merge.ts'
import type { MergeInput } from '../format.ts'
import { ecosystem } from './ecosystem.ts'
import type { PageFile, ProjectPage } from './page.ts'
import { readDocument } from './read-index.ts'

/** Pages of several indexes as one. What is said of a file is what its own index says. */
export function mergePages({ rule, hosted, sources }: MergeInput): MergePlan & { readonly document: Uint8Array } {
  const plan = planMerge(rule, hosted, sources, ecosystem.merging)
  const pages = sources.map(({ document }) => document && readDocument(document))
  const statuses = pages.flatMap((page) => page?.status ?? [])
  // PEP 792: such a project offers no files, whoever else has some under its name.
  const quarantined = statuses.find(({ status }) => status === 'quarantined')
  const facts = quarantined ? { ...plan.facts, files: [] } : plan.facts
  const entries = new Map(
    sources.map(({ connection }, at) => [
      connection as string | undefined,
      new Map(pages[at]?.files.map((file) => [file.filename, file])),
    ]),
  )
  const yanked = new Set(
    rule.mode === 'all' ? [] : facts.versions.flatMap(({ version, discouraged }) => (discouraged ? [version] : [])),
  )
  const files = facts.files.flatMap(({ from, file, version }): PageFile[] => {
    const entry = entries.get(from)?.get(file)
    // Who decides which versions there are has taken this one back: what others add of it may not bring it up again.
    return entry ? [{ ...entry, yanked: entry.yanked === false ? yanked.has(version) : entry.yanked }] : []
  })
  const page: ProjectPage = {
    files,
    versions: [],
    status: quarantined ?? statuses[0] ?? null,
    // Counted by one of them, of its own page.
    serial: null,
    more: pages.find((one) => one !== null)?.more ?? {},
  }
  return { ...plan, facts, kept: quarantined ? [] : plan.kept, document: Buffer.from(JSON.stringify(page)) }
}
