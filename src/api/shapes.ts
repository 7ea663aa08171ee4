import { z } from 'zod'
import type { FormatId } from '../registry/names.ts'

// Names and values that several operations share. Patterns and lengths are those of CodeArtifact's service model.

export const accountId = z
  .string()
  .regex(/^[0-9]{12}$/, 'must be an account id of exactly 12 digits')
  .describe('An account id: 12 digits.')

export const domainName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,48}[a-z0-9]$/,
    'must be a domain name: 2 to 50 lower-case letters, digits and hyphens that start with a letter and do not end in a hyphen',
  )
  .describe('The name of a domain.')

export const repositoryName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{1,99}$/,
    'must be a repository name: 2 to 100 letters, digits, dots, underscores and hyphens that start with a letter or digit',
  )
  .describe('The name of a repository.')

export const connectionName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{1,99}$/,
    'must be a connection name: 2 to 100 letters, digits and . _ : - that start with a letter or digit',
  )
  .describe('The name of a connection to another registry, such as `public:npmjs`.')

export const identityName = z
  .string()
  .regex(/^[\w+=,.@-]{1,64}$/, 'must be 1 to 64 letters, digits and _+=,.@-')
  .describe('The name of a user, a role or a policy.')

/** The formats that are served. Held against the core's list by its type. */
export const format = z.enum(['npm', 'pypi'] satisfies [FormatId, ...FormatId[]]).describe('The format of a package.')

const packagePart = (what: string) =>
  z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^#/\s]+$/, 'may have no white space, "#" or "/"')
    .describe(what)

export const packageNamePart = packagePart('The name of a package, without its namespace.')
export const namespace = packagePart('The namespace of a package: the scope of an npm package, without its @.')
export const packageVersion = packagePart('A version of a package.')

export const description = z
  .string()
  .max(1000)
  .regex(/^\P{C}*$/u, 'may have no control characters')
  .describe('What it is for.')

export const versionStatus = z.enum(['Published', 'Unfinished', 'Unlisted', 'Archived', 'Disposed', 'Deleted'])
export const originType = z.enum(['INTERNAL', 'EXTERNAL', 'UNKNOWN'])
export const allowOrBlock = z.enum(['ALLOW', 'BLOCK'])

/** Seconds since 1970 as a JSON number, with a fraction: what AWS's JSON protocols use. */
export const epochSeconds = z.number().describe('Seconds since 1970-01-01T00:00:00Z.')
/** What `/api` uses. */
export const timestamp = z.iso.datetime().describe('RFC 3339, in UTC.')

export const maxResults = z.int().min(1).max(1000).optional().describe('How many results a page has at most.')
export const nextToken = z
  .string()
  .min(1)
  .max(2000)
  .regex(/^\S+$/, 'may have no white space')
  .optional()
  .describe('Where the page before this one ended.')

/** The members of CodeArtifact's requests that nothing here can honour. Empty ones are accepted. */
export const noTags = z
  .array(z.object({ key: z.string(), value: z.string() }))
  .max(0, 'tags are not supported')
  .optional()

export const originConfiguration = z.object({
  restrictions: z.object({ publish: allowOrBlock, upstream: allowOrBlock }),
})
