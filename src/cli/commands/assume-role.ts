import type { Command } from 'commander'
import { readDocument } from '../document.ts'
import { parseDuration } from '../notation.ts'
import { accountOf, type Session } from '../session.ts'
import type { RoleCredentials } from '../sts.ts'
import { examples } from './help.ts'

type Options = {
  readonly account?: string
  readonly sessionName?: string
  readonly duration?: string
  readonly policy?: string
  readonly externalId?: string
}

export function addAssume(parent: Command, session: Session): void {
  parent
    .command('assume <role>')
    .description(
      'Assumes a role and prints credentials for a time: lines for a shell, or with --json what credential_process wants.',
    )
    .option('--account <id>', 'the account of the role, if it is not yours')
    .option('--session-name <name>', 'what logs and events call the session (default: granary and the time)')
    .option('--duration <time>', 'how long it lasts: 15m to the longest session of the role (default: 1h)')
    .option('--policy <json>', 'cut the rights of the session down to this policy; JSON or @FILE')
    .option('--external-id <id>', 'what the trust policy may ask for')
    .addHelpText(
      'after',
      examples(
        'eval "$(granary role assume build)"',
        'granary role assume build --account 111122223333 --session-name run-7 --duration 15m',
        'granary role assume arn:aws:iam::111122223333:role/build --policy @only-read.json --json',
      ),
    )
    .action(async (role: string, options: Options, command: Command) => {
      const policy = options.policy === undefined ? undefined : await readDocument(options.policy, '--policy')
      const client = await session.client(command)
      const made = await client.assumeRole({
        roleArn: role.startsWith('arn:')
          ? role
          : `arn:aws:iam::${await accountOf(client, options.account)}:role/${role}`,
        sessionName: options.sessionName ?? `granary-${Math.floor(Date.now() / 1000)}`,
        durationSeconds: options.duration === undefined ? undefined : parseDuration(options.duration),
        policy,
        externalId: options.externalId,
      })
      session.show(command, forCredentialProcess(made), forShell(made))
      session.terminal.err(`Assumed ${made.arn} until ${made.expiration}\n`)
    })
}

/** What AWS's tools take from a program that `credential_process` names. */
const forCredentialProcess = (made: RoleCredentials) => ({
  Version: 1,
  AccessKeyId: made.accessKeyId,
  SecretAccessKey: made.secretAccessKey,
  SessionToken: made.sessionToken,
  Expiration: made.expiration,
})

/** AWS's tools read the one kind; this program reads the other before the files of a server on the same machine. */
const forShell = (made: RoleCredentials): string =>
  ['AWS', 'GRANARY']
    .flatMap((prefix) => [
      [`${prefix}_ACCESS_KEY_ID`, made.accessKeyId],
      [`${prefix}_SECRET_ACCESS_KEY`, made.secretAccessKey],
      [`${prefix}_SESSION_TOKEN`, made.sessionToken],
    ])
    .map(([name, value = '']) => `export ${name}=${quote(value)}\n`)
    .join('')

/** The lines are run by a shell, and what is in them came from a server. */
const quote = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`
