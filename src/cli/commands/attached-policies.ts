import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { Client } from '../client.ts'
import { readDocument } from '../document.ts'
import { warningsOf } from '../policy-warnings.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'

type Options = { readonly account?: string }
type AttachOptions = Options & { readonly document: string; readonly name?: string }
type Attached = { readonly name: string; readonly document: string }

const PRESETS = ['administrator', 'publisher', 'reader'] as const
type Wish = { readonly policy: string } & (
  { readonly preset: (typeof PRESETS)[number] } | { readonly document: string }
)

/** What policies are attached to: users and roles differ in their operations only. */
type Holder = {
  readonly kind: 'user' | 'role'
  /** In examples. */
  readonly example: string
  attach(client: Client, account: string, name: string, wish: Wish): Promise<Attached>
  list(client: Client, account: string, name: string): Promise<{ readonly policies: readonly Attached[] }>
  detach(client: Client, account: string, name: string, policy: string): Promise<object>
}

const USER: Holder = {
  kind: 'user',
  example: 'bob',
  attach: (client, account, user, wish) => client.call(operations.attachUserPolicy, { account, user, ...wish }),
  list: (client, account, user) => client.call(operations.listUserPolicies, { account, user }),
  detach: (client, account, user, policy) => client.call(operations.detachUserPolicy, { account, user, policy }),
}

const ROLE: Holder = {
  kind: 'role',
  example: 'build',
  attach: (client, account, role, wish) => client.call(operations.attachRolePolicy, { account, role, ...wish }),
  list: (client, account, role) => client.call(operations.listRolePolicies, { account, role }),
  detach: (client, account, role, policy) => client.call(operations.detachRolePolicy, { account, role, policy }),
}

/** Policies of users and roles. */
export function addAttachedPolicies(policy: Command, session: Session): void {
  for (const holder of [USER, ROLE]) {
    addAttach(policy, session, holder)
    addListAndDetach(policy, session, holder)
  }
}

const inAccount = (command: Command, { kind }: Holder): Command =>
  command.option('--account <id>', `the account of the ${kind}, if it is not yours`)

function addAttach(parent: Command, session: Session, holder: Holder): void {
  const { kind, example } = holder
  inAccount(parent.command(`attach-${kind} <${kind}>`), holder)
    .description(`Attaches a policy document to a ${kind}, in place of one that had the same name.`)
    .requiredOption('--document <json>', `the document, @FILE, or one of ${PRESETS.join(', ')}`)
    .option('--name <name>', "the policy's name (default: that of the preset, or `policy`)")
    .addHelpText(
      'after',
      examples(
        `granary policy attach-${kind} ${example} --document publisher`,
        `granary policy attach-${kind} ${example} --document @read-main.json --name read-main`,
      ),
    )
    .action(async (to: string, options: AttachOptions, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const preset = PRESETS.find((one) => one === options.document)
      const name = options.name ?? preset ?? 'policy'
      const wish = preset ? { preset } : { document: await readDocument(options.document, '--document', PRESETS) }
      const attached = await holder.attach(client, account, to, { policy: name, ...wish })
      for (const warning of warningsOf(attached.document)) session.terminal.err(`granary: warning: ${warning}\n`)
      session.show(command, attached, `Attached ${name} to ${to}\n`)
    })
}

function addListAndDetach(parent: Command, session: Session, holder: Holder): void {
  const { kind, example } = holder
  inAccount(parent.command(`list-${kind} <${kind}>`), holder)
    .description(`Shows the policies of a ${kind}.`)
    .addHelpText('after', examples(`granary policy list-${kind} ${example}`))
    .action(async (of: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const { policies } = await holder.list(client, await accountOf(client, options.account), of)
      const text = policies.map(({ name, document }) => `${name}:\n${document}\n`).join('\n')
      session.show(command, policies, text || `${of} has no policies.\n`)
    })

  inAccount(parent.command(`detach-${kind} <${kind}> <name>`), holder)
    .description(`Takes a policy from a ${kind}.`)
    .addHelpText('after', examples(`granary policy detach-${kind} ${example} reader`))
    .action(async (from: string, name: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const gone = await holder.detach(client, await accountOf(client, options.account), from, name)
      session.show(command, gone, `Detached ${name} from ${from}\n`)
    })
}
