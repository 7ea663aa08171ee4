import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { facts, table } from '../output.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'
import { ofAccount } from './user.ts'

type Options = { readonly account?: string }

export function addKey(program: Command, session: Session): void {
  const key = program.command('key').description('Access keys of users: what requests are signed with.')

  ofAccount(key.command('create <user>'))
    .description('Makes an access key and shows its secret, this once.')
    .addHelpText('after', examples('granary key create bob', 'granary key create ci --json > ci-key.json'))
    .action(async (user: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const made = await client.call(operations.createAccessKey, { account, user })
      // Names of the AWS credentials file, to paste it there.
      const shown = `aws_access_key_id = ${made.accessKeyId}\naws_secret_access_key = ${made.secretAccessKey}\n`
      session.show(command, made, shown)
      session.terminal.err('The secret cannot be shown again.\n')
    })

  ofAccount(key.command('list <user>'))
    .description('Lists the access keys of a user.')
    .addHelpText('after', examples('granary key list bob'))
    .action(async (user: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const listed = await client.call(operations.listAccessKeys, { account, user })
      const rows = table(
        listed.keys,
        [
          ['KEY', ({ accessKeyId }) => accessKeyId],
          ['CREATED', ({ createdAt }) => createdAt],
          ['REVOKED', ({ revokedAt }) => revokedAt],
        ],
        `${user} has no access keys.`,
      )
      session.show(command, listed.keys, rows)
    })

  ofAccount(key.command('revoke <user> <key>'))
    .description('Revokes an access key for good, with the tokens that were made with it.')
    .addHelpText('after', examples('granary key revoke bob AKIAEXAMPLEEXAMPLE12'))
    .action(async (user: string, id: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const revoked = await client.call(operations.revokeAccessKey, { account, user, key: id })
      const known = facts([
        ['Revoked', revoked.accessKeyId],
        ['At', revoked.revokedAt],
      ])
      session.show(command, revoked, known)
    })
}
