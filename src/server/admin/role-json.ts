import type { Role } from '../../registry/model.ts'
import { arn } from '../../registry/names.ts'
import { timestamp } from './json-shapes.ts'

/** Whom the trust policy's principals mean stays inside: their ids are no business of who reads it. */
export const roleJson = ({ account, name, id, createdAt, trust, maxSessionSeconds, sessionsValidFrom }: Role) => ({
  account,
  name,
  id,
  arn: arn.role(account, name),
  createdAt: timestamp(createdAt),
  trust,
  maxSessionSeconds,
  sessionsValidFrom: timestamp(sessionsValidFrom),
})
