import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { usage } from '../failure.ts'
import { parseFormat, parsePackage, splitName } from '../notation.ts'
import { facts, table } from '../output.ts'
import { allPages } from '../pages.ts'
import { DEFAULT_REPOSITORY, type Session } from '../session.ts'
import { examples } from './help.ts'
import { addMerge } from './package-merge.ts'
import { inDomain } from './repository.ts'

type Where = { readonly domain: string; readonly domainOwner?: string; readonly repository: string }
type Options = Where & { readonly publish?: string; readonly upstream?: string }

const CHOICES = { allow: 'ALLOW', block: 'BLOCK' } as const

function parseChoice(option: string, text: string | undefined): 'ALLOW' | 'BLOCK' | undefined {
  if (text === undefined) return undefined
  const found = CHOICES[text.toLowerCase() as keyof typeof CHOICES]
  if (found) return found
  throw usage(`${option} is allow or block, not ${text}`)
}

export function addPackage(program: Command, session: Session): void {
  const parent = program.command('package').description('Packages of a repository.')
  addList(parent, session)
  addOrigin(parent, session)
  addMerge(parent, session)
  addRefresh(parent, session)
}

type ListOptions = Where & { readonly format?: string; readonly prefix?: string }

function addList(parent: Command, session: Session): void {
  inDomain(parent.command('list'))
    .description('Lists the packages that a repository holds itself, without those of its upstreams.')
    .option('--repository <name>', 'the repository', DEFAULT_REPOSITORY)
    .option('--format <format>', 'npm or pypi: of this format only')
    .option('--prefix <text>', 'only names that begin so')
    .addHelpText('after', examples('granary package list', 'granary package list --repository npm-store --format npm'))
    .action(async (options: ListOptions, command: Command) => {
      const client = await session.client(command)
      const { domain, domainOwner, repository, prefix: packagePrefix } = options
      const format = options.format === undefined ? undefined : parseFormat(options.format)
      const at = { domain, domainOwner, repository, format, packagePrefix }
      const packages = await allPages(
        (nextToken) => client.call(operations.listPackages, { ...at, maxResults: 1000, nextToken }),
        (page) => page.packages,
      )
      const rows = table(
        packages,
        [
          ['FORMAT', (one) => one.format],
          ['NAME', (one) => (one.namespace === undefined ? one.package : `@${one.namespace}/${one.package}`)],
          ['PUBLISH', (one) => one.originConfiguration.restrictions.publish],
          ['UPSTREAM', (one) => one.originConfiguration.restrictions.upstream],
        ],
        `${repository} holds no packages.`,
      )
      session.show(command, packages, rows)
    })
}

function addOrigin(parent: Command, session: Session): void {
  inDomain(parent.command('origin <package>'))
    .description('Shows where versions of a package may come from, or decides it. The package need not exist yet.')
    .option('--repository <name>', 'the repository', DEFAULT_REPOSITORY)
    .option('--publish <choice>', 'allow or block: may it be published here?')
    .option('--upstream <choice>', 'allow or block: may it come from upstream?')
    .addHelpText(
      'after',
      examples(
        'granary package origin npm:@acme/hello',
        'granary package origin pypi:requests --publish block --upstream allow',
      ),
    )
    .action(async (text: string, options: Options, command: Command) => {
      const client = await session.client(command)
      const { format, name } = parsePackage(text)
      const { domain, domainOwner, repository } = options
      const at = { domain, domainOwner, repository, format, ...splitName(name) }
      const publish = parseChoice('--publish', options.publish)
      const upstream = parseChoice('--upstream', options.upstream)
      // Both are always set together, so what is not named is looked up.
      const now =
        publish !== undefined && upstream !== undefined
          ? { publish, upstream }
          : (await client.call(operations.describePackage, at)).package.originConfiguration.restrictions
      const restrictions = { publish: publish ?? now.publish, upstream: upstream ?? now.upstream }
      if (publish !== undefined || upstream !== undefined) {
        await client.call(operations.putPackageOriginConfiguration, { ...at, restrictions })
      }
      const known = facts([
        ['Package', text],
        ['Publish', restrictions.publish],
        ['Upstream', restrictions.upstream],
      ])
      session.show(command, { restrictions }, known)
    })
}

function addRefresh(parent: Command, session: Session): void {
  inDomain(parent.command('refresh <package>'))
    .description('Asks the upstream of a package now, and tells what changed there.')
    .option('--repository <name>', 'the repository', DEFAULT_REPOSITORY)
    .addHelpText(
      'after',
      examples('granary package refresh npm:lodash', 'granary package refresh pypi:requests --repository pypi-store'),
    )
    .action(async (text: string, { domain, domainOwner, repository }: Where, command: Command) => {
      const client = await session.client(command)
      const { format, name } = parsePackage(text)
      const at = { domain, domainOwner, repository, format, ...splitName(name) }
      const refreshed = await client.call(operations.refreshPackage, at)
      const { state, isFirst, added, withdrawn, discouraged, encouraged } = refreshed
      const [bad, good] = format === 'npm' ? ['Deprecated', 'No longer deprecated'] : ['Yanked', 'No longer yanked']
      const isSame = [added, withdrawn, discouraged, encouraged].every(({ length }) => length === 0)
      const known = facts([
        ['Package', text],
        ['From', refreshed.connection],
        ['Versions', state === 'present' ? refreshed.versions : 'none: it has no such package'],
        ['New', added.join(', ')],
        ['Withdrawn', withdrawn.join(', ')],
        [bad, discouraged.join(', ')],
        [good, encouraged.join(', ')],
        ['Changed', isFirst ? 'nothing was known of it before' : isSame ? 'nothing' : null],
      ])
      session.show(command, refreshed, known)
    })
}
