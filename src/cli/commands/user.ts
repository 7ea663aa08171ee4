import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { table } from '../output.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'

type Options = { readonly account?: string }

/** The option that says whose identities a command is about. */
export const ofAccount = (command: Command): Command =>
  command.option('--account <id>', 'the account of the user, if it is not yours')

export function addUser(program: Command, session: Session): void {
  const user = program.command('user').description('Users of an account.')

  ofAccount(user.command('create <name>'))
    .description('Makes a user, who may do nothing until a policy is attached.')
    .addHelpText(
      'after',
      examples('granary user create bob --account 111122223333', 'granary policy attach-user bob --document reader'),
    )
    .action(async (name: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const made = await client.call(operations.createUser, { account, user: name })
      session.show(command, made, `Created ${made.arn}\n`)
    })

  ofAccount(user.command('list'))
    .description('Lists the users of an account.')
    .addHelpText('after', examples('granary user list', 'granary user list --account 111122223333'))
    .action(async (options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const listed = await client.call(operations.listUsers, { account })
      const rows = table(
        listed.users,
        [
          ['NAME', ({ name }) => name],
          ['ARN', ({ arn }) => arn],
          ['CREATED', ({ createdAt }) => createdAt],
        ],
        `Account ${account} has no users.`,
      )
      session.show(command, listed.users, rows)
    })

  ofAccount(user.command('delete <name>'))
    .description('Deletes a user with all access keys and policies. Tokens of the user end at once.')
    .addHelpText('after', examples('granary user delete bob'))
    .action(async (name: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const gone = await client.call(operations.deleteUser, { account, user: name })
      session.show(command, gone, `Deleted user ${name} of account ${account}\n`)
    })
}
