import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { Client } from '../client.ts'
import { readDocument } from '../document.ts'
import { usage } from '../failure.ts'
import { parseDuration } from '../notation.ts'
import { table } from '../output.ts'
import { trustWarningsOf } from '../policy-warnings.ts'
import { accountOf, type Session } from '../session.ts'
import { addAssume } from './assume-role.ts'
import { examples } from './help.ts'

type Options = { readonly account?: string }
type TrustOptions = Options & { readonly trust?: string; readonly maxSession?: string }

/** The option that says whose roles a command is about. */
const ofRoleAccount = (command: Command): Command =>
  command.option('--account <id>', 'the account of the role, if it is not yours')

const TRUST = 'the trust policy: who may assume the role; JSON or @FILE'
const MAX_SESSION = 'the longest session: 1h to 12h'

export function addRole(program: Command, session: Session): void {
  const role = program
    .command('role')
    .description('Roles of an account: what users and other roles assume for a time, also from other accounts.')
  addCreate(role, session)
  addList(role, session)
  addUpdateTrust(role, session)
  addEnding(role, session)
  addAssume(role, session)
}

/** What most of these commands begin with. */
async function begin(
  session: Session,
  options: Options,
  command: Command,
): Promise<{ readonly client: Client; readonly account: string }> {
  const client = await session.client(command)
  return { client, account: await accountOf(client, options.account) }
}

function warnOf({ terminal }: Session, trust: string): void {
  for (const warning of trustWarningsOf(trust)) terminal.err(`granary: warning: ${warning}\n`)
}

const seconds = (duration: string | undefined): number | undefined =>
  duration === undefined ? undefined : parseDuration(duration)

function addCreate(parent: Command, session: Session): void {
  ofRoleAccount(parent.command('create <name>'))
    .description('Makes a role, which may do nothing until a policy is attached.')
    .requiredOption('--trust <json>', TRUST)
    .option('--max-session <time>', `${MAX_SESSION} (default: 1h)`)
    .addHelpText(
      'after',
      examples(
        'granary role create build --trust @trust.json',
        'granary role create build --account 111122223333 --trust @trust.json --max-session 12h',
        'granary policy attach-role build --document publisher',
      ),
    )
    .action(async (name: string, options: TrustOptions, command: Command) => {
      const trust = await readDocument(options.trust ?? '', '--trust')
      const { client, account } = await begin(session, options, command)
      const maxSessionSeconds = seconds(options.maxSession)
      const made = await client.call(operations.createRole, { account, role: name, trust, maxSessionSeconds })
      warnOf(session, trust)
      session.show(command, made, `Created ${made.arn}\n`)
    })
}

function addList(parent: Command, session: Session): void {
  ofRoleAccount(parent.command('list'))
    .description('Lists the roles of an account.')
    .addHelpText('after', examples('granary role list', 'granary role list --account 111122223333 --json'))
    .action(async (options: Options, command: Command) => {
      const { client, account } = await begin(session, options, command)
      const { roles } = await client.call(operations.listRoles, { account })
      const rows = table(
        roles,
        [
          ['NAME', ({ name }) => name],
          ['ARN', ({ arn }) => arn],
          ['LONGEST SESSION', ({ maxSessionSeconds }) => `${maxSessionSeconds / 60}m`],
          ['CREATED', ({ createdAt }) => createdAt],
        ],
        `Account ${account} has no roles.`,
      )
      session.show(command, roles, rows)
    })
}

function addUpdateTrust(parent: Command, session: Session): void {
  ofRoleAccount(parent.command('update-trust <name>'))
    .description('Replaces the trust policy of a role, or its longest session. Its sessions go on.')
    .option('--trust <json>', TRUST)
    .option('--max-session <time>', MAX_SESSION)
    .addHelpText(
      'after',
      examples(
        'granary role update-trust build --trust @trust.json',
        'granary role update-trust build --max-session 2h',
      ),
    )
    .action(async (name: string, options: TrustOptions, command: Command) => {
      if (options.trust === undefined && options.maxSession === undefined)
        throw usage('Give --trust, --max-session or both')
      const trust = options.trust === undefined ? undefined : await readDocument(options.trust, '--trust')
      const { client, account } = await begin(session, options, command)
      const maxSessionSeconds = seconds(options.maxSession)
      const updated = await client.call(operations.updateRole, { account, role: name, trust, maxSessionSeconds })
      if (trust !== undefined) warnOf(session, trust)
      session.show(command, updated, `Updated ${updated.arn}\n`)
    })
}

function addEnding(parent: Command, session: Session): void {
  ofRoleAccount(parent.command('revoke-sessions <name>'))
    .description('Ends all sessions of a role at once, with the tokens that they made. It can be assumed anew.')
    .addHelpText('after', examples('granary role revoke-sessions build'))
    .action(async (name: string, options: Options, command: Command) => {
      const { client, account } = await begin(session, options, command)
      const role = await client.call(operations.revokeRoleSessions, { account, role: name })
      session.show(command, role, `Ended the sessions of ${role.arn}\n`)
    })

  ofRoleAccount(parent.command('delete <name>'))
    .description('Deletes a role with its policies. Its sessions end at once.')
    .addHelpText('after', examples('granary role delete build'))
    .action(async (name: string, options: Options, command: Command) => {
      const { client, account } = await begin(session, options, command)
      const gone = await client.call(operations.deleteRole, { account, role: name })
      session.show(command, gone, `Deleted role ${name} of account ${account}\n`)
    })
}
