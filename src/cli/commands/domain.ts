import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { table } from '../output.ts'
import { allPages } from '../pages.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

export function addDomain(program: Command, session: Session): void {
  const domain = program.command('domain').description('Domains: groups of repositories that share their packages.')

  domain
    .command('create <name>')
    .description('Makes a domain, owned by your account.')
    .addHelpText('after', examples('granary domain create team'))
    .action(async (name: string, _options: unknown, command: Command) => {
      const made = await (await session.client(command)).call(operations.createDomain, { domain: name })
      session.show(command, made.domain, `Created ${made.domain.arn}\n`)
    })

  domain
    .command('list')
    .description('Lists the domains of your account.')
    .addHelpText('after', examples('granary domain list', 'granary domain list --json'))
    .action(async (_options: unknown, command: Command) => {
      const client = await session.client(command)
      const domains = await allPages(
        (nextToken) => client.call(operations.listDomains, { nextToken }),
        (page) => page.domains,
      )
      const rows = table(
        domains,
        [
          ['NAME', ({ name }) => name],
          ['OWNER', ({ owner }) => owner],
          ['CREATED', ({ createdTime }) => new Date(createdTime * 1000).toISOString()],
        ],
        'Your account owns no domain.',
      )
      session.show(command, domains, rows)
    })

  domain
    .command('delete <name>')
    .description('Deletes a domain that has no repositories.')
    .option('--domain-owner <account>', 'the account that owns it, if it is not yours')
    .addHelpText('after', examples('granary domain delete team'))
    .action(async (name: string, options: { domainOwner?: string }, command: Command) => {
      const client = await session.client(command)
      const gone = await client.call(operations.deleteDomain, { domain: name, domainOwner: options.domainOwner })
      session.show(command, gone.domain, `Deleted ${gone.domain.arn}\n`)
    })
}
