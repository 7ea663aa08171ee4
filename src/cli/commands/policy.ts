import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { readDocument } from '../document.ts'
import { accountOf, type Session } from '../session.ts'
import { addExplain } from './explain.ts'
import { examples } from './help.ts'
import { addPermissionsPolicies } from './permissions-policy.ts'
import { addRolePolicies } from './role-policy.ts'
import { ofAccount } from './user.ts'

type AttachOptions = { readonly account?: string; readonly document: string; readonly name?: string }

const PRESETS = ['administrator', 'publisher', 'reader'] as const

export function addPolicy(program: Command, session: Session): void {
  const policy = program.command('policy').description('IAM policy documents: who may do what.')
  addAttach(policy, session)
  addRolePolicies(policy, session)
  addPermissionsPolicies(policy, session)
  addExplain(policy, session)

  ofAccount(policy.command('list-user <user>'))
    .description('Shows the policies of a user.')
    .addHelpText('after', examples('granary policy list-user bob'))
    .action(async (user: string, options: { account?: string }, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const listed = await client.call(operations.listUserPolicies, { account, user })
      const text = listed.policies.map(({ name, document }) => `${name}:\n${document}\n`).join('\n')
      session.show(command, listed.policies, text || `${user} has no policies.\n`)
    })

  ofAccount(policy.command('detach-user <user> <name>'))
    .description('Takes a policy from a user.')
    .addHelpText('after', examples('granary policy detach-user bob reader'))
    .action(async (user: string, name: string, options: { account?: string }, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const gone = await client.call(operations.detachUserPolicy, { account, user, policy: name })
      session.show(command, gone, `Detached ${name} from ${user}\n`)
    })
}

function addAttach(parent: Command, session: Session): void {
  ofAccount(parent.command('attach-user <user>'))
    .description('Attaches a policy document to a user, in place of one that had the same name.')
    .requiredOption('--document <json>', `the document, @FILE, or one of ${PRESETS.join(', ')}`)
    .option('--name <name>', "the policy's name (default: that of the preset, or `policy`)")
    .addHelpText(
      'after',
      examples(
        'granary policy attach-user bob --document publisher',
        'granary policy attach-user bob --document @read-main.json --name read-main',
      ),
    )
    .action(async (user: string, options: AttachOptions, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const preset = PRESETS.find((one) => one === options.document)
      const name = options.name ?? preset ?? 'policy'
      const attached = await client.call(operations.attachUserPolicy, {
        account,
        user,
        policy: name,
        ...(preset ? { preset } : { document: await readDocument(options.document, '--document', PRESETS) }),
      })
      session.show(command, attached, `Attached ${name} to ${user}\n`)
    })
}
