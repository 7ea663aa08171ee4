import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { facts } from '../output.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

export function addWhoAmI(program: Command, session: Session): void {
  program
    .command('whoami')
    .summary('tell who the server takes you for')
    .description('Tells who the server takes you for.')
    .addHelpText('after', examples('granary whoami', 'granary whoami --json'))
    .action(async (_options: unknown, command: Command) => {
      const caller = await (await session.client(command)).call(operations.whoAmI, {})
      const known = facts([
        ['Account', caller.account],
        ['User', caller.user],
        ['Role', caller.role],
        ['Session', caller.session],
        ['ARN', caller.arn],
        ['Domain', caller.domain],
      ])
      session.show(command, caller, known)
    })
}
