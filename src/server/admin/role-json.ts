import type { Role } from '../../registry/model.ts'
import { arn } from '../../registry/names.ts'
import { showDocument } from '../shown-document.ts'
import { timestamp } from './json-shapes.ts'

/** Whom the trust policy's principals mean stays inside, but for who is gone: the name alone might be somebody else's by now. */
export async function roleJson(store: Parameters<typeof showDocument>[0], role: Role) {
  const { account, name, id, createdAt, trust, trusted, maxSessionSeconds, sessionsValidFrom } = role
  return {
    account,
    name,
    id,
    arn: arn.role(account, name),
    createdAt: timestamp(createdAt),
    trust: await showDocument(store, { document: trust, principals: trusted }),
    maxSessionSeconds,
    sessionsValidFrom: timestamp(sessionsValidFrom),
  }
}
