import { curate } from '../../registry/curation.ts'
import type { Instant } from '../../registry/model.ts'
import type { RenderInput } from '../format.ts'
import { versionKey } from './version.ts'

export type Judged = {
  readonly version: string
  readonly publishedAt: Instant | null
  readonly license: string | null
  readonly origin: 'INTERNAL' | 'EXTERNAL'
  readonly withdrawn?: boolean
}
export type Curation = {
  allows(judged: Judged): boolean
  /** Reasons by version. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>
  expiresAt(): Instant | null
}

/** Judges as `openAsset` does, so that what is listed can be had; each question is put to the rules once. */
export function startCuration({ name, rules, now }: RenderInput): Curation {
  const decisions = new Map<string, boolean>()
  const held = new Map<string, Set<string>>()
  let next = Infinity
  const decide = (judged: Judged): boolean => {
    const { allowed, findings } = curate(rules, { format: name.format, key: name.key, ...judged }, now, versionKey)
    if (allowed) return true
    const reasons = held.get(judged.version) ?? new Set()
    held.set(judged.version, reasons)
    for (const finding of findings) reasons.add(`${finding.reason} (rule ${finding.rule})`)
    next = Math.min(next, Math.max(...findings.map((finding) => finding.until ?? Infinity)))
    return false
  }
  return {
    held,
    expiresAt: () => (Number.isFinite(next) ? next : null),
    allows(judged) {
      if (rules.length === 0) return true
      const question = `${judged.origin} ${judged.publishedAt} ${judged.license} ${judged.withdrawn} ${judged.version}`
      const answer = decisions.get(question) ?? decide(judged)
      decisions.set(question, answer)
      return answer
    },
  }
}

const SHOWN_REASONS = 3

export function heldMessage({ name }: RenderInput, { held }: Curation): string {
  const reasons = [...new Set([...held.values()].flatMap((each) => [...each]))]
  const more = reasons.length > SHOWN_REASONS ? `; and ${reasons.length - SHOWN_REASONS} more` : ''
  const what = held.size === 1 ? `its only version, ${[...held.keys()][0]}` : `all of its ${held.size} versions`
  return `${name.name} is held back, ${what}: ${reasons.slice(0, SHOWN_REASONS).join('; ')}${more}`
}
