import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import type { Client } from '../client.ts'
import { readTextOrFile } from '../document.ts'
import { usage } from '../failure.ts'
import { parseCount } from '../notation.ts'
import { json, table } from '../output.ts'
import { commonOptions, type Session } from '../session.ts'
import { examples } from './help.ts'

const EXAMPLE_EVENT = '0b0c5a35-58d6-4f3b-9a8e-6a1b9d8d0c55'

type Event = OutputOf<typeof operations.listEvents>['events'][number]
type ListOptions = { readonly account?: string; readonly limit: string; readonly after?: string }
type MatchOptions = {
  readonly account?: string
  readonly event?: string
  readonly data?: string
}
type TailOptions = { readonly account?: string; readonly fromStart?: boolean; readonly interval: string }

export function addEvents(program: Command, session: Session): void {
  const events = program.command('events').description('What happened: versions published, rules made, keys revoked.')

  events
    .command('list')
    .description('Lists events, oldest first.')
    .option('--account <id>', 'the account whose events they are, if it is not yours')
    .option('--limit <count>', 'how many at most, 1 to 1000', '100')
    .option('--after <position>', '`next` of an earlier listing (see --json)')
    .addHelpText('after', examples('granary events list', 'granary events list --limit 1000 --json'))
    .action(async (options: ListOptions, command: Command) => {
      const client = await session.client(command)
      const limit = parseCount('--limit', options.limit)
      const page = await client.call(operations.listEvents, { account: options.account, limit, after: options.after })
      const rows = table(
        page.events,
        [
          ['TIME', ({ time }) => time],
          ['TYPE', ({ type }) => type],
          ['SUBJECT', ({ subject }) => subject],
          ['ACTOR', ({ actor }) => actor],
          ['ID', ({ id }) => id],
        ],
        'Nothing happened.',
      )
      session.show(command, page, rows)
      if (page.next !== null) session.terminal.err(`There are more: --after ${page.next}\n`)
    })

  events
    .command('tail')
    .description('Shows events as they happen, until it is interrupted.')
    .option('--account <id>', 'the account whose events they are, if it is not yours')
    .option('--from-start', 'show what happened before, too')
    .option('--interval <seconds>', 'how often to ask', '2')
    .addHelpText('after', examples('granary events tail', 'granary events tail --json | jq .detail'))
    .action(async (options: TailOptions, command: Command) => {
      const client = await session.client(command)
      const interval = parseCount('--interval', options.interval) * 1000
      const asJson = commonOptions(command).json === true
      for await (const event of follow(client, options.account, { interval, fromStart: options.fromStart === true })) {
        session.terminal.out(asJson ? `${JSON.stringify(event)}\n` : line(event))
      }
    })

  addPatterns(events, session)
}

function addPatterns(events: Command, session: Session): void {
  events
    .command('show <event>')
    .description('Shows what webhooks are sent of an event, which is what patterns are held against.')
    .option('--account <id>', 'the account whose event it is, if it is not yours')
    .addHelpText('after', examples(`granary events show ${EXAMPLE_EVENT}`))
    .action(async (event: string, options: { readonly account?: string }, command: Command) => {
      const client = await session.client(command)
      const { data } = await client.call(operations.describeEvent, { account: options.account, event })
      session.show(command, data, json(data))
    })

  events
    .command('match <pattern>')
    .description('Tells whether a pattern (JSON, or @FILE) matches an event.')
    .option('--account <id>', 'the account whose event it is, if it is not yours')
    .option('--event <id>', 'an event that happened')
    .option('--data <json>', 'an event as `events show` writes it, or @FILE')
    .addHelpText(
      'after',
      examples(
        `granary events match '{"detail":{"packageFormat":["npm"]}}' --event ${EXAMPLE_EVENT}`,
        'granary events match @pattern.json --data @event.json',
      ),
    )
    .action(async (pattern: string, options: MatchOptions, command: Command) => {
      const { account, event } = options
      if ((event === undefined) === (options.data === undefined)) throw usage('Give either --event or --data')
      const data = options.data === undefined ? undefined : parseData(await readTextOrFile('--data', options.data))
      const text = await readTextOrFile('the pattern', pattern)
      const client = await session.client(command)
      const found = await client.call(operations.testEventPattern, { account, event, data, pattern: text })
      session.show(command, found, found.matches ? 'It matches.\n' : 'It does not match.\n')
    })
}

function parseData(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw usage(`--data is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

const line = ({ time, type, subject, actor }: Event): string =>
  `${[time, type, subject, actor].join('  ').replace(/\p{Cc}/gu, ' ')}\n`

/** The last page is asked for again and again: what was on it already is left out. */
async function* follow(
  client: Client,
  account: string | undefined,
  { interval, fromStart }: { readonly interval: number; readonly fromStart: boolean },
): AsyncGenerator<Event> {
  let after: string | undefined
  let seen = new Set<string>()
  let showing = fromStart
  for (;;) {
    const page = await client.call(operations.listEvents, { account, limit: 1000, after })
    if (showing) yield* page.events.filter(({ id }) => !seen.has(id))
    seen = new Set(page.events.map(({ id }) => id))
    if (page.next !== null) {
      after = page.next
      continue
    }
    showing = true
    await sleep(interval)
  }
}
