import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { parseFormat, repeated } from '../notation.ts'
import { table } from '../output.ts'
import type { Session } from '../session.ts'
import { addConnectionStatus } from './connection-status.ts'
import { addConnectionUpdate } from './connection-update.ts'
import { askedFor, describe, EXCEPT, limitsOf, ONLY, TIMEOUT, type LimitOptions } from './connection-limits.ts'
import { examples } from './help.ts'
import { readCredentials } from './registry-credentials.ts'

type CreateOptions = LimitOptions & {
  readonly format: string
  readonly url: string
  readonly fileOrigin?: readonly string[]
  readonly credentialsFile?: string
  readonly disabled?: boolean
}

export function addConnection(program: Command, session: Session): void {
  const connection = program
    .command('connection')
    .description('Connections: other registries that repositories can draw packages from.')
  addCreate(connection, session)
  addConnectionUpdate(connection, session)
  addConnectionStatus(connection, session)

  connection
    .command('list')
    .description('Lists the connections.')
    .addHelpText('after', examples('granary connection list'))
    .action(async (_options: unknown, command: Command) => {
      const listed = await (await session.client(command)).call(operations.listConnections, {})
      const rows = table(
        listed.connections,
        [
          ['NAME', ({ name }) => name],
          ['FORMAT', ({ format }) => format],
          ['URL', ({ url }) => url],
          ['CREDENTIALS', ({ hasCredentials }) => (hasCredentials ? 'yes' : 'no')],
          ['ENABLED', ({ enabled }) => (enabled ? 'yes' : 'no')],
          ['ASKED FOR', askedFor],
        ],
        'There are no connections.',
      )
      session.show(command, listed.connections, rows)
    })

  connection
    .command('delete <name>')
    .description('Deletes a connection that no repository uses.')
    .addHelpText('after', examples('granary connection delete private:partner'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const gone = await (await session.client(command)).call(operations.deleteConnection, { connection: name })
      session.show(command, gone, `Deleted ${name}\n`)
    })
}

function addCreate(parent: Command, session: Session): void {
  parent
    .command('create <name>')
    .description('Makes a connection to another registry.')
    .requiredOption('--format <format>', 'npm or pypi')
    .requiredOption('--url <url>', "npm: the registry's root; pypi: the root of its simple API")
    .option('--file-origin <origin>', 'another origin that its index says files are at; may be repeated', repeated)
    .option(
      '--credentials-file <file>',
      'JSON: { "type": "bearer", "token": … } or { "type": "basic", "username": …, "password": … }; - is standard input',
    )
    .option(...ONLY)
    .option(...EXCEPT)
    .option(...TIMEOUT)
    .option('--disabled', 'ask it for nothing until it is enabled')
    .addHelpText(
      'after',
      `\n--url is the other registry's here; name your own server before the command or by GRANARY_URL.\n` +
        examples(
          'granary connection create private:partner --format npm --url https://npm.partner.example/',
          "granary connection create private:acme --format npm --url https://npm.acme.example/ --only 'npm:@acme/*' --timeout 10s",
          'granary connection create private:wheels --format pypi --url https://wheels.example/simple/ --credentials-file wheels.json',
        ),
    )
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const made = await (
        await session.client(command, { urlIsAnother: true })
      ).call(operations.createConnection, {
        name,
        format: parseFormat(options.format),
        url: options.url,
        fileOrigins: options.fileOrigin && [...options.fileOrigin],
        credentials: options.credentialsFile === undefined ? undefined : await readCredentials(options.credentialsFile),
        ...limitsOf(options, options.format),
        ...(options.disabled && { enabled: false }),
      })
      session.show(command, made, describe(made))
    })
}
