import { Argument, Option, type Command } from 'commander'
import { operations } from '../../api/index.ts'
import { EXIT, Failure } from '../failure.ts'
import { parseFormat, type FormatName } from '../notation.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

type Options = { readonly mode: 'password' | 'creds'; readonly output: 'plain' | 'json' }

/** pip and uv call a program `keyring` with these words; its exit code is 1, without a word, where it has nothing to say. */
export function addKeyring(program: Command, session: Session): void {
  program
    .command('keyring')
    .summary('answer pip and uv as the program `keyring` does')
    .description(
      'Prints a new token for a repository of the server, as the program `keyring` prints a password: pip and uv then keep none. ' +
        'A token is only ever printed for an address of the server itself.',
    )
    .addArgument(new Argument('<operation>', 'what keyring is asked').choices(['get']))
    .argument('<service>', "the address of the repository's index")
    .argument('[user]', 'the user name, which says nothing')
    .addOption(
      new Option('--mode <mode>', 'creds: print the user name as well')
        .choices(['password', 'creds'])
        .default('password'),
    )
    .addOption(
      // pip's words since 26.
      new Option('--output <form>', 'json: as an object').choices(['plain', 'json']).default('plain'),
    )
    .addHelpText(
      'after',
      examples('granary keyring get http://127.0.0.1:8787/pypi/local/main/simple/ aws', 'granary login pip --keyring'),
    )
    .action((_: 'get', service: string, user: string | undefined, options: Options, command: Command) =>
      answer(session, service, user, options, command),
    )
}

async function answer(
  session: Session,
  service: string,
  user: string | undefined,
  options: Options,
  command: Command,
): Promise<void> {
  const place = parseService(service)
  // pip and uv ask for the bare host as well.
  if (!place) throw new Failure(EXIT.failed, `${service} is not the address of a repository`)
  const client = await session.client(command)
  const { domain, repository, format, origin } = place
  const { repositoryEndpoint } = await client.call(operations.getRepositoryEndpoint, { domain, repository, format })
  if (new URL(repositoryEndpoint).origin !== origin)
    throw new Failure(EXIT.failed, `${service} is not an address of this server: it is at ${repositoryEndpoint}`)
  const { authorizationToken } = await client.call(operations.getAuthorizationToken, { domain })
  session.terminal.out(written(user ?? 'aws', authorizationToken, options))
}

function written(username: string, password: string, { mode, output }: Options): string {
  const isBoth = mode === 'creds'
  if (output === 'json') return `${JSON.stringify(isBoth ? { username, password } : { password })}\n`
  return isBoth ? `${username}\n${password}\n` : `${password}\n`
}

type Place = {
  readonly origin: string
  readonly format: FormatName
  readonly domain: string
  readonly repository: string
}

function parseService(service: string): Place | null {
  const url = URL.parse(service)
  const [, format, domain, repository] = /^\/(npm|pypi)\/([^/]+)\/([^/]+)\//.exec(`${url?.pathname ?? ''}/`) ?? []
  if (!url || !format || !domain || !repository) return null
  return { origin: url.origin, format: parseFormat(format), domain, repository }
}
