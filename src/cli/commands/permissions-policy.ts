import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import { readDocument } from '../document.ts'
import { warningsOf } from '../policy-warnings.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'
import { inDomain } from './repository.ts'

type Where = { readonly domain: string; readonly domainOwner?: string }
type PutOptions = { readonly document: string; readonly revision?: string }
type Policy = OutputOf<typeof operations.getDomainPermissionsPolicy>['policy']

const where = ({ domain, domainOwner }: Where) => ({ domain, domainOwner })

/** Policies on domains and repositories: who else may do what there. */
export function addPermissionsPolicies(policy: Command, session: Session): void {
  addPut(policy, session)
  addGetAndDelete(policy, session)
}

const withDocument = (command: Command): Command =>
  command
    .requiredOption('--document <json>', 'the document, or @FILE')
    .option('--revision <revision>', 'do nothing if the policy is another one than this by now')

function addPut(parent: Command, session: Session): void {
  const put = async (
    command: Command,
    { document: given, revision }: PutOptions,
    send: (wish: { policyDocument: string; policyRevision: string | undefined }) => Promise<{ policy: Policy }>,
  ) => {
    const document = await readDocument(given)
    const { policy } = await send({ policyDocument: document, policyRevision: revision })
    for (const warning of warningsOf(document)) session.terminal.err(`granary: warning: ${warning}\n`)
    session.show(command, policy, `Put revision ${policy.revision} on ${policy.resourceArn}\n`)
  }

  withDocument(parent.command('put-domain <domain>'))
    .description(
      'Puts a policy on a domain, in place of the one that it had. It counts for all repositories in it, too.',
    )
    .option('--domain-owner <account>', 'the account that owns the domain, if it is not yours')
    .addHelpText(
      'after',
      examples(
        'granary policy put-domain team --document @team-policy.json',
        'granary policy put-domain team --document @team-policy.json --revision 6f1f3e0e-59a5-4b4e-9c36-4b8d5a3f0a11',
      ),
    )
    .action(async (domain: string, options: Omit<Where, 'domain'> & PutOptions, command: Command) => {
      const client = await session.client(command)
      await put(command, options, (wish) =>
        client.call(operations.putDomainPermissionsPolicy, { domain, domainOwner: options.domainOwner, ...wish }),
      )
    })

  withDocument(inDomain(parent.command('put-repository <repository>')))
    .description('Puts a policy on a repository, in place of the one that it had.')
    .addHelpText('after', examples('granary policy put-repository main --domain team --document @readers.json'))
    .action(async (repository: string, options: Where & PutOptions, command: Command) => {
      const client = await session.client(command)
      await put(command, options, (wish) =>
        client.call(operations.putRepositoryPermissionsPolicy, { ...where(options), repository, ...wish }),
      )
    })
}

type OfOptions = Where & { readonly repository?: string }

const ofOne = (command: Command): Command =>
  inDomain(command).option('--repository <name>', "the policy of this repository, in place of the domain's own")

function addGetAndDelete(parent: Command, session: Session): void {
  ofOne(parent.command('get'))
    .description('Shows the policy of a domain or a repository.')
    .addHelpText(
      'after',
      examples(
        'granary policy get --domain team > team-policy.json',
        'granary policy get --domain team --repository main',
      ),
    )
    .action(async ({ repository, ...options }: OfOptions, command: Command) => {
      const client = await session.client(command)
      const { policy } = await (repository === undefined
        ? client.call(operations.getDomainPermissionsPolicy, where(options))
        : client.call(operations.getRepositoryPermissionsPolicy, { ...where(options), repository }))
      session.show(command, policy, `${policy.document.trimEnd()}\n`)
      // Beside the document, so that this can be kept in a file, edited and put back.
      session.terminal.err(`Revision ${policy.revision} of ${policy.resourceArn}\n`)
    })

  ofOne(parent.command('delete'))
    .description('Takes the policy from a domain or a repository.')
    .option('--revision <revision>', 'do nothing if the policy is another one than this by now')
    .addHelpText(
      'after',
      examples('granary policy delete --domain team', 'granary policy delete --domain team --repository main'),
    )
    .action(async ({ repository, revision, ...options }: OfOptions & { revision?: string }, command: Command) => {
      const client = await session.client(command)
      const wish = { ...where(options), policyRevision: revision }
      const { policy } = await (repository === undefined
        ? client.call(operations.deleteDomainPermissionsPolicy, wish)
        : client.call(operations.deleteRepositoryPermissionsPolicy, { ...wish, repository }))
      session.show(command, policy, `Deleted the policy of ${policy.resourceArn}\n`)
    })
}
