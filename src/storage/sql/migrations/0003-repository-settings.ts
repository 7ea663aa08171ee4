import type { Migration } from './migration.ts'

export const repositorySettings: Migration = {
  number: 3,
  // A program that knows only the tables before would serve what a repository is told to hold. It must not share the store.
  oldestReader: 3,
  statements: ({ text }) => [
    `ALTER TABLE repositories ADD COLUMN withdrawn ${text} NOT NULL DEFAULT 'serve'`,
    // How the upstream's index departs from a file that was fetched; null while it does not.
    `ALTER TABLE assets ADD COLUMN departure ${text}`,
  ],
}
