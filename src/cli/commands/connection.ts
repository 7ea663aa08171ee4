import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { InputOf } from '../../api/operation.ts'
import { usage } from '../failure.ts'
import { parseFormat, repeated } from '../notation.ts'
import { facts, table } from '../output.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

type CreateOptions = {
  readonly format: string
  readonly url: string
  readonly fileOrigin?: readonly string[]
  readonly credentialsFile?: string
}

export function addConnection(program: Command, session: Session): void {
  const connection = program
    .command('connection')
    .description('Connections: other registries that repositories can draw packages from.')
  addCreate(connection, session)

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
    .addHelpText(
      'after',
      `\n--url is the other registry's here; name your own server before the command or by GRANARY_URL.\n` +
        examples(
          'granary connection create private:partner --format npm --url https://npm.partner.example/',
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
      })
      const known = facts([
        ['Name', made.name],
        ['Format', made.format],
        ['URL', made.url],
        ['Credentials', made.hasCredentials ? 'stored, sealed' : 'none'],
      ])
      session.show(command, made, known)
    })
}

/** What it holds is checked by the server, which also says what is wrong with it. */
async function readCredentials(file: string): Promise<InputOf<typeof operations.createConnection>['credentials']> {
  const reading = file === '-' ? readAll(process.stdin) : readFile(file, 'utf8')
  const text = await reading.catch((cause: unknown) => {
    throw usage(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message would quote the secret.
    throw usage(`${file} is not JSON`)
  }
}
