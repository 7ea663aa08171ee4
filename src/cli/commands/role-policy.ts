import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { readDocument } from '../document.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'
import { ofRoleAccount } from './role.ts'

type Options = { readonly account?: string }
type AttachOptions = Options & { readonly document: string; readonly name?: string }

const PRESETS = ['administrator', 'publisher', 'reader'] as const

/** Policies of roles, beside those of users. */
export function addRolePolicies(policy: Command, session: Session): void {
  addAttach(policy, session)

  ofRoleAccount(policy.command('list-role <role>'))
    .description('Shows the policies of a role.')
    .addHelpText('after', examples('granary policy list-role build'))
    .action(async (role: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const listed = await client.call(operations.listRolePolicies, { account, role })
      const text = listed.policies.map(({ name, document }) => `${name}:\n${document}\n`).join('\n')
      session.show(command, listed.policies, text || `${role} has no policies.\n`)
    })

  ofRoleAccount(policy.command('detach-role <role> <name>'))
    .description('Takes a policy from a role.')
    .addHelpText('after', examples('granary policy detach-role build reader'))
    .action(async (role: string, name: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const gone = await client.call(operations.detachRolePolicy, { account, role, policy: name })
      session.show(command, gone, `Detached ${name} from ${role}\n`)
    })
}

function addAttach(parent: Command, session: Session): void {
  ofRoleAccount(parent.command('attach-role <role>'))
    .description('Attaches a policy document to a role, in place of one that had the same name.')
    .requiredOption('--document <json>', `the document, @FILE, or one of ${PRESETS.join(', ')}`)
    .option('--name <name>', "the policy's name (default: that of the preset, or `policy`)")
    .addHelpText(
      'after',
      examples(
        'granary policy attach-role build --document publisher',
        'granary policy attach-role build --document @read-main.json --name read-main',
      ),
    )
    .action(async (role: string, options: AttachOptions, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const preset = PRESETS.find((one) => one === options.document)
      const name = options.name ?? preset ?? 'policy'
      const attached = await client.call(operations.attachRolePolicy, {
        account,
        role,
        policy: name,
        ...(preset ? { preset } : { document: await readDocument(options.document, '--document', PRESETS) }),
      })
      session.show(command, attached, `Attached ${name} to ${role}\n`)
    })
}
