import type { Migration } from './migration.ts'

export const merges: Migration = {
  number: 6,
  // A program that knows only the tables before would list a file of one source as another's, and say that it was withdrawn. It
  // must not share the store.
  oldestReader: 6,
  statements: ({ text, compactTable }) => {
    const ofPackage = `domain ${text} NOT NULL, repository ${text} NOT NULL, format ${text} NOT NULL, package ${text} NOT NULL`
    return [
      `CREATE TABLE merges (
        ${ofPackage}, mode ${text} NOT NULL,
        PRIMARY KEY (domain, repository, format, package),
        FOREIGN KEY (domain, repository) REFERENCES repositories (domain, name) ON DELETE CASCADE
      ) ${compactTable}`,
      `CREATE TABLE merge_conflicts (
        ${ofPackage}, file ${text} NOT NULL, digest ${text} NOT NULL,
        PRIMARY KEY (domain, repository, format, package, file, digest),
        FOREIGN KEY (domain, repository, format, package)
          REFERENCES merges (domain, repository, format, package) ON DELETE CASCADE
      ) ${compactTable}`,
      // The connection that gave it, where sources were merged; null: the version's.
      `ALTER TABLE assets ADD COLUMN entry_point ${text}`,
    ]
  },
}
