import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { table } from '../output.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

export function addAccount(program: Command, session: Session): void {
  const account = program
    .command('account')
    .description('Accounts: owners of domains and users. Only operators make them.')

  account
    .command('create <id>')
    .description('Makes an account.')
    .addHelpText('after', examples('granary account create 111122223333'))
    .action(async (id: string, _options: unknown, command: Command) => {
      const made = await (await session.client(command)).call(operations.createAccount, { id })
      session.show(command, made, `Created account ${made.id}\n`)
    })

  account
    .command('list')
    .description('Lists the accounts.')
    .addHelpText('after', examples('granary account list --json'))
    .action(async (_options: unknown, command: Command) => {
      const listed = await (await session.client(command)).call(operations.listAccounts, {})
      const rows = table(
        listed.accounts,
        [
          ['ACCOUNT', ({ id }) => id],
          ['CREATED', ({ createdAt }) => createdAt],
        ],
        'There are no accounts.',
      )
      session.show(command, listed.accounts, rows)
    })
}
