import { explainPolicy } from '../../api/admin/policies.ts'
import { checkPolicyDocument } from '../../registry/authorize.ts'
import { RegistryError } from '../../registry/errors.ts'
import type { AccountId } from '../../registry/names.ts'
import { ACTIONS } from '../../registry/policy-presets.ts'
import { readTopologyCounter } from '../../registry/topology.ts'
import { handler, type HandlerContext } from '../handler.ts'
import { identityOwner } from '../management-target.ts'
import { parsePrincipal, readPrincipal } from './explained-principal.ts'
import { parseSubject, questionAbout } from './explained-subject.ts'

export const explainPolicyHandler = handler(explainPolicy, async (input, context) => {
  const { parts } = context
  const action = parseAction(input.action)
  const sessionPolicy = input.sessionPolicy ?? null
  if (sessionPolicy !== null) checkPolicyDocument(sessionPolicy, 'session')
  const principal = parsePrincipal(input.principal)
  const subject = parseSubject(parts, input.resource)
  // Before anything is looked up: a refusal tells nobody what is there.
  for (const account of new Set([principal.account, subject.account])) await requireAccount(context, account)

  const caller = await readPrincipal(parts, principal, sessionPolicy)
  const topology = await readTopologyCounter(parts.store)
  const { allowed, reason, by, errors, considered } = await parts.authorizer.explain({
    ...(await questionAbout(parts, subject, { caller, action, topology })),
    ...(input.context && { context: input.context }),
  })
  return {
    allowed,
    reason,
    decidedBy: by && { side: by.side, policy: by.policy, statement: by.statement },
    errors: errors.map(({ side, policy, statement }) => ({ side, policy, statement })),
    considered,
  }
})

/** What nobody in particular owns was asked for already, in the account of whoever wants the explanation. */
async function requireAccount({ parts, caller, require }: HandlerContext<'account'>, account: AccountId | null) {
  if (account === null || account === caller.account) return
  await require({
    action: 'granary:ExplainPolicy',
    resource: `arn:aws:iam::${account}:root`,
    owner: identityOwner(parts.config, caller, account),
    domain: null,
  })
}

const KNOWN_ACTIONS: readonly string[] = Object.entries(ACTIONS).flatMap(([service, names]) =>
  names.map((name) => `${service}:${name}`),
)

/** A misspelt action is denied, or allowed to who may do anything: neither answers what was meant. */
function parseAction(text: string): string {
  const action = KNOWN_ACTIONS.find((one) => one.toLowerCase() === text.toLowerCase())
  if (action !== undefined) return action
  throw new RegistryError(
    'invalid',
    `${JSON.stringify(text.slice(0, 200))} is not an action; one looks like codeartifact:ReadFromRepository`,
  )
}
