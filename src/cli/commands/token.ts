import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { parseDuration } from '../notation.ts'
import { DEFAULT_DOMAIN, type Session } from '../session.ts'
import { examples } from './help.ts'

type Options = { readonly domain: string; readonly domainOwner?: string; readonly duration?: string }

export function addToken(program: Command, session: Session): void {
  program
    .command('token')
    .summary('print a token for package managers')
    .description(
      'Prints a token for package managers. It reaches one domain and says who you are; it grants nothing by itself.',
    )
    .option('--domain <name>', 'the domain that it is for', DEFAULT_DOMAIN)
    .option('--domain-owner <account>', 'the account that owns the domain, if it is not yours')
    .option('--duration <time>', 'how long it lasts: 15m to 12h (default: 12h)')
    .addHelpText('after', examples('granary token', 'export TOKEN=$(granary token --domain team --duration 1h)'))
    .action(async (options: Options, command: Command) => {
      const client = await session.client(command)
      const made = await client.call(operations.getAuthorizationToken, {
        domain: options.domain,
        domainOwner: options.domainOwner,
        duration: options.duration === undefined ? undefined : parseDuration(options.duration),
      })
      session.show(command, made, `${made.authorizationToken}\n`)
    })
}
