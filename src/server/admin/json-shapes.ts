import type { AccessKey, Account, Connection, Instant, User } from '../../registry/model.ts'
import { arn, displayName, packageNameOfKey, type FormatId, type PackageKey } from '../../registry/names.ts'

// The core's things as `/api` writes them. Nothing sealed is among them.

export const timestamp = (at: Instant): string => new Date(at).toISOString()

export const accountJson = ({ id, createdAt }: Account) => ({ id, createdAt: timestamp(createdAt) })

export const userJson = ({ account, name, id, createdAt }: User) => ({
  account,
  name,
  id,
  arn: arn.user(account, name),
  createdAt: timestamp(createdAt),
})

export const accessKeyJson = ({ id, account, userName, createdAt, revokedAt }: AccessKey) => ({
  accessKeyId: id,
  account,
  user: userName,
  createdAt: timestamp(createdAt),
  revokedAt: revokedAt === null ? null : timestamp(revokedAt),
})

export const connectionJson = ({ credentials, only, except, ...connection }: Connection) => ({
  ...connection,
  fileOrigins: [...connection.fileOrigins],
  hasCredentials: credentials !== null,
  only: only.map((pattern) => writtenPattern(connection.format, pattern)),
  except: except.map((pattern) => writtenPattern(connection.format, pattern)),
})

/** As people write it: `@acme/*` for the key `acme/*`. */
const writtenPattern = (format: FormatId, pattern: string): string =>
  displayName(packageNameOfKey(format, pattern as PackageKey))
