import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import { usage } from '../failure.ts'
import { parseDuration, parsePackageVersions, printDuration, repeated } from '../notation.ts'
import { table } from '../output.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'
import { inDomain } from './repository.ts'

type Where = { readonly domain: string; readonly domainOwner?: string }
type CreateOptions = Where & {
  readonly repository?: string
  readonly deny?: readonly string[]
  readonly minAge?: string
  readonly for?: readonly string[]
  readonly except?: readonly string[]
  readonly reason?: string
}
type Rule = OutputOf<typeof operations.listRules>['rules'][number]

const where = ({ domain, domainOwner }: Where) => ({ domain, domainOwner })

export function addRule(program: Command, session: Session): void {
  const rule = program
    .command('rule')
    .description('Curation rules: which versions are held back, from everybody and with a reason.')
  addCreate(rule, session)

  inDomain(rule.command('list'))
    .description('Lists the rules of a domain.')
    .addHelpText('after', examples('granary rule list', 'granary rule list --domain team --json'))
    .action(async (options: Where, command: Command) => {
      const listed = await (await session.client(command)).call(operations.listRules, where(options))
      const rows = table(
        listed.rules,
        [
          ['ID', ({ id }) => id],
          ['REPOSITORY', ({ repository }) => repository ?? 'all'],
          ['HOLDS', described],
          ['REASON', (one) => one.rule.reason ?? null],
        ],
        `Domain ${options.domain} has no rules.`,
      )
      session.show(command, listed.rules, rows)
    })

  inDomain(rule.command('delete <id>'))
    .description('Deletes a rule; what it held is offered again.')
    .addHelpText('after', examples('granary rule delete c0a8f3d2-0d2a-4a7f-9a57-0f1f1c6f4a10'))
    .action(async (id: string, options: Where, command: Command) => {
      const client = await session.client(command)
      const gone = await client.call(operations.deleteRule, { ...where(options), rule: id })
      session.show(command, gone, `Deleted rule ${id}\n`)
    })
}

function addCreate(parent: Command, session: Session): void {
  inDomain(parent.command('create'))
    .description('Makes a rule that holds versions back in a domain, or in one repository of it.')
    .option(
      '--deny <package>',
      'hold FORMAT:NAME[@VERSION,…], or FORMAT:START* for all names that start so; may be repeated',
      repeated,
    )
    .option('--min-age <duration>', 'hold versions from upstream until they have been public for so long: 7d, 36h')
    .option('--for <package>', 'with --min-age: only these packages, written as for --deny; may be repeated', repeated)
    .option('--except <package>', 'with --min-age: never these packages or versions; may be repeated', repeated)
    .option('--reason <text>', 'what people are told who ask for one of them; --deny needs one')
    .option('--repository <name>', 'in this repository only')
    .addHelpText(
      'after',
      examples(
        "granary rule create --deny npm:lodash@4.17.20 --reason 'Command injection; use 4.17.21'",
        "granary rule create --domain team --deny 'npm:@evil/*' --deny pypi:reqeusts --reason 'Known malware'",
        "granary rule create --min-age 7d --repository main --except 'npm:@types/*' --except npm:lodash@4.17.22",
      ),
    )
    .action(async (options: CreateOptions, command: Command) => {
      const client = await session.client(command)
      const made = await client.call(operations.createRule, {
        ...where(options),
        repository: options.repository,
        rule: wantedRule(options),
      })
      session.show(
        command,
        made,
        `Created rule ${made.id}: ${described(made)} held back in ${made.repository ?? made.domain}\n`,
      )
    })
}

function wantedRule({ deny, minAge, for: packages, except, reason }: CreateOptions) {
  if ((deny === undefined) === (minAge === undefined)) throw usage('Give either --deny or --min-age')
  if (minAge !== undefined) {
    return {
      kind: 'minimum-age' as const,
      seconds: parseDuration(minAge),
      packages: packages?.map(parsePackageVersions),
      except: except?.map(parsePackageVersions),
      reason,
    }
  }
  if (packages || except) throw usage('--for and --except go with --min-age')
  if (reason === undefined) throw usage('--deny needs a --reason: it is what people are told')
  return { kind: 'deny-list' as const, packages: (deny ?? []).map(parsePackageVersions), reason }
}

type Patterns = Extract<Rule['rule'], { kind: 'deny-list' }>['packages']

const written = (patterns: Patterns): string =>
  patterns
    .map(
      ({ format, package: name, versions }) => `${format}:${name}${versions?.length ? `@${versions.join(',')}` : ''}`,
    )
    .join(' ')

function described({ rule }: Rule): string {
  if (rule.kind === 'deny-list') return written(rule.packages)
  const what = rule.packages ? written(rule.packages) : 'everything'
  const except = rule.except ? `, but ${written(rule.except)},` : ''
  return `${what}${except} younger than ${printDuration(rule.seconds)}`
}
