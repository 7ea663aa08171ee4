import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { EXIT, Failure } from '../failure.ts'
import { parsePackage } from '../notation.ts'
import { table } from '../output.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'
import { inDomain } from './repository.ts'

type Where = { readonly domain: string; readonly domainOwner?: string }

const where = ({ domain, domainOwner }: Where) => ({ domain, domainOwner })

export function addReserve(program: Command, session: Session): void {
  const reserve = program
    .command('reserve')
    .description(
      'Reserved prefixes: names that belong to a domain before their first publish, which no upstream is asked for.',
    )

  inDomain(reserve.command('add <prefix>'))
    .description('Reserves a prefix, written FORMAT:START.')
    .addHelpText('after', examples('granary reserve add npm:@acme/', 'granary reserve add pypi:acme- --domain team'))
    .action(async (text: string, options: Where, command: Command) => {
      const { format, name: prefix } = parsePackage(text)
      const client = await session.client(command)
      const { reserved } = await client.call(operations.getReservedPrefixes, where(options))
      const wanted = [...reserved, { format, prefix }]
      const changed = await client.call(operations.putReservedPrefixes, { ...where(options), reserved: wanted })
      session.show(command, changed.reserved, `Reserved ${text} in ${options.domain}\n`)
    })

  inDomain(reserve.command('list'))
    .description('Lists the reserved prefixes of a domain.')
    .addHelpText('after', examples('granary reserve list'))
    .action(async (options: Where, command: Command) => {
      const listed = await (await session.client(command)).call(operations.getReservedPrefixes, where(options))
      const rows = table(
        listed.reserved,
        [
          ['FORMAT', ({ format }) => format],
          ['PREFIX', ({ prefix }) => prefix],
        ],
        `Domain ${options.domain} has no reserved prefixes.`,
      )
      session.show(command, listed.reserved, rows)
    })

  inDomain(reserve.command('remove <prefix>'))
    .description('Gives a prefix back. Names that were published stay owned by the domain.')
    .addHelpText('after', examples('granary reserve remove npm:@acme/'))
    .action(async (text: string, options: Where, command: Command) => {
      const { format, name: prefix } = parsePackage(text)
      const client = await session.client(command)
      const { reserved } = await client.call(operations.getReservedPrefixes, where(options))
      const left = reserved.filter((one) => one.format !== format || one.prefix !== prefix)
      if (left.length === reserved.length) {
        throw new Failure(EXIT.notFound, `${text} is not reserved in ${options.domain}`)
      }
      const changed = await client.call(operations.putReservedPrefixes, { ...where(options), reserved: left })
      session.show(command, changed.reserved, `${text} is no longer reserved in ${options.domain}\n`)
    })
}
