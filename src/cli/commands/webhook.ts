import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import { readTextOf, readTextOrFile } from '../document.ts'
import { usage } from '../failure.ts'
import { parseDuration, repeated } from '../notation.ts'
import { facts, table } from '../output.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'

type Webhook = OutputOf<typeof operations.describeWebhook>
type Account = { readonly account?: string }
type Given = {
  readonly pattern?: string
  readonly description?: string
  readonly header?: readonly string[]
  readonly headersFile?: string
}
type UpdateOptions = Account & Given & { readonly to?: string; readonly headers: boolean }

export const EXAMPLE_WEBHOOK = 'wh_4Tz0xU7QvH2cLr9KpWn5Ys'

/** The option that says whose webhooks a command is about. */
export const ofAccount = (command: Command): Command =>
  command.option('--account <id>', 'the account whose webhooks they are, if it is not yours')

export function addWebhook(program: Command, session: Session): void {
  const webhook = program.command('webhook').description('Webhooks: URLs that are sent what happens.')
  addCreate(webhook, session)
  addList(webhook, session)
  addShow(webhook, session)
  addUpdate(webhook, session)
  addSwitches(webhook, session)
  addRotate(webhook, session)
  addTest(webhook, session)
  addDelete(webhook, session)
}

const withContents = (command: Command): Command =>
  command
    .option('--pattern <json>', 'an event pattern, or @FILE: what it matches is sent; empty for every event')
    .option('--header <header>', "'Name: value' to send besides; may be repeated", repeated)
    .option('--headers-file <file>', 'JSON: { "Name": "value", … }, out of sight of other users; - is standard input')
    .option('--description <text>', 'what it is for')

function addCreate(parent: Command, session: Session): void {
  ofAccount(withContents(parent.command('create <url>')))
    .description('Makes a webhook, and shows the key that signs what it is sent.')
    .addHelpText(
      'after',
      examples(
        'granary webhook create https://ci.example/hooks/rebuild',
        `granary webhook create https://ci.example/hooks/rebuild --pattern '{"detail":{"packageFormat":["npm"]}}'`,
        "granary webhook create https://ci.example/build --pattern @new-versions.json --header 'Authorization: Bearer t0ken'",
      ),
    )
    .action(async (url: string, options: Account & Given, command: Command) => {
      const given = await readGiven(options)
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const made = await client.call(operations.createWebhook, { account, url, ...given })
      session.show(command, made, described(made) + secretOf(made))
    })
}

/** The key stands alone on its line, so that nothing else is copied with it. */
const secretOf = ({ secret }: { readonly secret: string }): string =>
  `\nThe key that signs what it is sent. It is not shown again:\n${secret}\n`

function addList(parent: Command, session: Session): void {
  ofAccount(parent.command('list'))
    .description('Lists the webhooks of an account.')
    .addHelpText('after', examples('granary webhook list', 'granary webhook list --json'))
    .action(async (options: Account, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const { webhooks } = await client.call(operations.listWebhooks, { account })
      const rows = table(
        webhooks,
        [
          ['ID', ({ id }) => id],
          ['STATE', stateOf],
          ['URL', ({ url }) => url],
          ['PATTERN', ({ pattern }) => pattern ?? 'every event'],
        ],
        'There are no webhooks.',
      )
      session.show(command, webhooks, rows)
    })
}

const stateOf = ({ disabled, failingSince }: Webhook): string =>
  disabled ? 'disabled' : failingSince === null ? 'enabled' : 'failing'

const described = (webhook: Webhook): string =>
  facts([
    ['Webhook', webhook.id],
    ['Account', webhook.account],
    ['URL', webhook.url],
    ['Headers', webhook.headerNames.join(', ')],
    ['Pattern', webhook.pattern ?? 'every event'],
    ['Description', webhook.description],
    ['Created', webhook.createdAt],
    ['State', stateOf(webhook)],
    ['Disabled', webhook.disabled && `${webhook.disabled.at}: ${webhook.disabled.reason}`],
    ['Failing since', webhook.failingSince],
    ...webhook.secrets.map(({ createdAt, expiresAt }): readonly [string, string] => [
      'Key',
      `of ${createdAt}${expiresAt === null ? '' : `, signs until ${expiresAt}`}`,
    ]),
  ])

function addShow(parent: Command, session: Session): void {
  ofAccount(parent.command('show <webhook>'))
    .description('Shows what is known of a webhook, but for what is secret.')
    .addHelpText('after', examples(`granary webhook show ${EXAMPLE_WEBHOOK}`))
    .action(async (id: string, options: Account, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const webhook = await client.call(operations.describeWebhook, { account, webhook: id })
      session.show(command, webhook, described(webhook))
    })
}

function addUpdate(parent: Command, session: Session): void {
  ofAccount(withContents(parent.command('update <webhook>')))
    .description('Changes what is given of a webhook and leaves the rest.')
    .option('--to <url>', 'where it is sent from now on; on another server, headers have to be given again')
    .option('--no-headers', 'send no headers besides from now on')
    .addHelpText(
      'after',
      examples(
        `granary webhook update ${EXAMPLE_WEBHOOK} --to https://ci2.example/hooks/rebuild`,
        `granary webhook update ${EXAMPLE_WEBHOOK} --pattern ''`,
      ),
    )
    .action(async (id: string, options: UpdateOptions, command: Command) => {
      const given = { url: options.to, ...(await readGiven(options)), ...(!options.headers && { headers: {} }) }
      if (Object.values(given).every((value) => value === undefined)) throw usage('Say what to change (see --help)')
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const webhook = await client.call(operations.updateWebhook, { account, webhook: id, ...given })
      session.show(command, webhook, described(webhook))
    })
}

function addSwitches(parent: Command, session: Session): void {
  ofAccount(parent.command('enable <webhook>'))
    .description('Enables a webhook that was disabled. What was given up in between is sent only when it is replayed.')
    .addHelpText('after', examples(`granary webhook enable ${EXAMPLE_WEBHOOK}`))
    .action(async (id: string, options: Account, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const webhook = await client.call(operations.enableWebhook, { account, webhook: id })
      session.show(command, webhook, described(webhook))
    })

  ofAccount(parent.command('disable <webhook>'))
    .description('Disables a webhook: nothing is sent to it, and what is pending is given up.')
    .option('--reason <text>', 'what others are told who look at it')
    .addHelpText('after', examples(`granary webhook disable ${EXAMPLE_WEBHOOK} --reason 'CI moves'`))
    .action(async (id: string, options: Account & { readonly reason?: string }, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const webhook = await client.call(operations.disableWebhook, { account, webhook: id, reason: options.reason })
      session.show(command, webhook, described(webhook))
    })
}

function addRotate(parent: Command, session: Session): void {
  ofAccount(parent.command('rotate <webhook>'))
    .description('Gives a webhook a new signing key. The old one signs beside it for a while.')
    .option('--overlap <duration>', 'how long the old one still signs: 12h, 90m; 0 ends it at once', '24h')
    .addHelpText(
      'after',
      examples(`granary webhook rotate ${EXAMPLE_WEBHOOK}`, `granary webhook rotate ${EXAMPLE_WEBHOOK} --overlap 0`),
    )
    .action(async (id: string, options: Account & { readonly overlap: string }, command: Command) => {
      const overlap = parseDuration(options.overlap)
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const rotated = await client.call(operations.rotateWebhookSecret, { account, webhook: id, overlap })
      session.show(command, rotated, described(rotated) + secretOf(rotated))
    })
}

function addTest(parent: Command, session: Session): void {
  ofAccount(parent.command('test <webhook>'))
    .description('Sends a webhook an event, whatever its pattern says.')
    .addHelpText('after', examples(`granary webhook test ${EXAMPLE_WEBHOOK}`))
    .action(async (id: string, options: Account, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const tested = await client.call(operations.testWebhook, { account, webhook: id })
      const people = `Sending event ${tested.event}. How it goes: granary deliveries show ${tested.delivery}\n`
      session.show(command, tested, people)
    })
}

function addDelete(parent: Command, session: Session): void {
  ofAccount(parent.command('delete <webhook>'))
    .description('Deletes a webhook with its deliveries.')
    .addHelpText('after', examples(`granary webhook delete ${EXAMPLE_WEBHOOK}`))
    .action(async (id: string, options: Account, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const gone = await client.call(operations.deleteWebhook, { account, webhook: id })
      session.show(command, gone, `Deleted ${id}\n`)
    })
}

async function readGiven(options: Given) {
  const { pattern, description, header, headersFile } = options
  if (header && headersFile !== undefined) throw usage('Give headers by --header or by --headers-file, not by both')
  return {
    description,
    pattern: pattern === undefined ? undefined : await readTextOrFile('--pattern', pattern),
    headers: header ? parseHeaders(header) : headersFile === undefined ? undefined : await readHeaders(headersFile),
  }
}

function parseHeaders(given: readonly string[]): Record<string, string> {
  const pairs = given.map((line): readonly [string, string] => {
    const colon = line.indexOf(':')
    // What stands there may be a secret: it is not repeated.
    if (colon < 1) throw usage("--header is 'Name: value'")
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
  })
  const names = new Set(pairs.map(([name]) => name))
  if (names.size < pairs.length) throw usage('--header gives a name twice')
  return Object.fromEntries(pairs)
}

async function readHeaders(file: string): Promise<Record<string, string>> {
  const text = await readTextOf('--headers-file', file)
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message would quote the secret.
    throw usage(`${file} is not JSON`)
  }
}
