import type { IndexFacts, Instant } from './model.ts'

/**
 * Where an index does not say when something was published, it counts as published when it was first seen here: rules about age
 * then hold it for a while instead of for ever, or not at all. `earlier` is what was known before.
 */
export function withFirstSeen(facts: IndexFacts, earlier: IndexFacts | null, now: Instant): IndexFacts {
  const isTimed = ({ publishedAt }: { publishedAt: Instant | null }) => publishedAt !== null
  if (facts.versions.every(isTimed) && facts.files.every(isTimed)) return facts
  const ofFiles = earliestFiles(facts)
  const before = new Map(earlier?.versions.map(({ version, publishedAt }) => [version, publishedAt]))
  const versions = facts.versions.map((one) => ({
    ...one,
    publishedAt: one.publishedAt ?? ofFiles.get(one.version) ?? before.get(one.version) ?? now,
  }))
  const ofVersions = new Map(versions.map(({ version, publishedAt }) => [version, publishedAt]))
  const filesBefore = new Map(earlier?.files.map(({ file, publishedAt }) => [file, publishedAt]))
  const files = facts.files.map((one) => ({
    ...one,
    publishedAt: one.publishedAt ?? filesBefore.get(one.file) ?? ofVersions.get(one.version) ?? now,
  }))
  return { ...facts, versions, files }
}

/** An index may tell the time of files only: a version is as old as its first file. */
function earliestFiles({ files }: IndexFacts): ReadonlyMap<string, Instant> {
  const earliest = new Map<string, Instant>()
  for (const { version, publishedAt } of files) {
    if (publishedAt !== null) earliest.set(version, Math.min(publishedAt, earliest.get(version) ?? Infinity))
  }
  return earliest
}
