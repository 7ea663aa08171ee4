import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { addAccount } from './commands/account.ts'
import { addConnection } from './commands/connection.ts'
import { addDeliveries } from './commands/deliveries.ts'
import { addDomain } from './commands/domain.ts'
import { addEvents } from './commands/events.ts'
import { addKey } from './commands/key.ts'
import { addKeyring } from './commands/keyring.ts'
import { addLogin } from './commands/login.ts'
import { addOnTheMachine } from './commands/on-the-machine.ts'
import { addPackage } from './commands/package.ts'
import { addPolicy } from './commands/policy.ts'
import { addRepository } from './commands/repository.ts'
import { addReserve } from './commands/reserve.ts'
import { addRole } from './commands/role.ts'
import { addRule } from './commands/rule.ts'
import { addToken } from './commands/token.ts'
import { addUser } from './commands/user.ts'
import { addWebhook } from './commands/webhook.ts'
import { addWhoAmI } from './commands/whoami.ts'
import { PROCESS_ENVIRONMENT, type Environment } from './environment.ts'
import { EXIT, Failure } from './failure.ts'
import type { Terminal } from './output.ts'
import { createSession, DEFAULT_URL, type Session } from './session.ts'

const PROCESS_TERMINAL: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
}

/**
 * Runs one command line, `argv` without the program's name. Resolves to the exit code: 0 done, 1 failed, 2 misused,
 * 3 not known or not allowed, 4 not found. Rejects only for what is a bug.
 */
export async function main(
  argv: readonly string[],
  { terminal = PROCESS_TERMINAL, env = PROCESS_ENVIRONMENT }: { terminal?: Terminal; env?: Environment } = {},
): Promise<number> {
  if (terminal === PROCESS_TERMINAL) process.stdout.once('error', endWithReader)
  try {
    await createProgram(createSession(terminal, env)).parseAsync(argv, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    // Commander has written its own message; what ended in help or version is no misuse.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (!(error instanceof Failure)) throw error
    terminal.err(`granary: ${error.message}\n`)
    return error.exitCode
  }
}

/** A reader that has seen enough (`| head`) is no failure. */
const endWithReader = (error: NodeJS.ErrnoException): never =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)

function createProgram(session: Session): Command {
  const program = new Command('granary')
    .description('A private package registry that you run yourself.')
    .version(readVersion(), '--version', 'print the version')
    // What stands after a command belongs to it, so that `connection create --url` can mean another registry.
    .enablePositionalOptions()
    .showHelpAfterError('(granary COMMAND --help tells more)')
    .addHelpText('after', EXIT_CODES)
  program.commandsGroup('Package managers:')
  addLogin(program, session)
  addToken(program, session)
  addKeyring(program, session)
  addWhoAmI(program, session)
  program.commandsGroup('Registry:')
  addDomain(program, session)
  addRepository(program, session)
  addConnection(program, session)
  addPackage(program, session)
  addReserve(program, session)
  addRule(program, session)
  addEvents(program, session)
  addWebhook(program, session)
  addDeliveries(program, session)
  program.commandsGroup('Identities:')
  addAccount(program, session)
  addUser(program, session)
  addKey(program, session)
  addRole(program, session)
  addPolicy(program, session)
  addOnTheMachine(program, session)
  prepare(program, session.terminal)
  return program
}

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 misused, 3 not known or not allowed, 4 not found.
`

const commonOptions = (): readonly Option[] => [
  new Option('--url <url>', `the server (or GRANARY_URL; default: ${DEFAULT_URL})`),
  new Option('--json', 'write the answer as JSON, for programs'),
  new Option('--profile <name>', 'sign with this profile of the AWS credentials file'),
  new Option('--access-key-id <id>', 'sign with this access key (or GRANARY_ACCESS_KEY_ID)'),
  new Option('--secret-access-key-file <file>', 'the file with its secret (or GRANARY_SECRET_ACCESS_KEY)'),
  new Option('--region <region>', 'sign for this region (or GRANARY_REGION); servers accept any'),
]

/** What all commands have in common: the options of the connection, errors that are thrown, where text goes. */
function prepare(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
  // Commands that this program only lists have none of their own.
  const known = new Set(command.options.map(({ long }) => long))
  for (const option of commonOptions()) {
    if (!known.has(option.long)) command.addOption(option.helpGroup('Server and credentials:'))
  }
  for (const child of command.commands) prepare(child, terminal)
}

function readVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
