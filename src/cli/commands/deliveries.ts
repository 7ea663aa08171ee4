import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { GivenInput, OutputOf } from '../../api/operation.ts'
import { usage } from '../failure.ts'
import { parseCount, parseSince } from '../notation.ts'
import { facts, table } from '../output.ts'
import { accountOf, type Session } from '../session.ts'
import { examples } from './help.ts'
import { EXAMPLE_WEBHOOK, ofAccount } from './webhook.ts'

type State = NonNullable<GivenInput<typeof operations.listDeliveries.input>['state']>
type Delivery = OutputOf<typeof operations.describeDelivery>
type ListOptions = {
  readonly account?: string
  readonly webhook?: string
  readonly event?: string
  readonly state?: string
  readonly since?: string
  readonly limit: string
  readonly after?: string
}
type ReplayOptions = Pick<ListOptions, 'account' | 'webhook' | 'state' | 'since'>

const EXAMPLE_ID = 'f0b7c0de-8d1c-4a52-b7a3-94d1f8f1d6a0'
const STATES: readonly State[] = ['pending', 'delivered', 'dead']

export function addDeliveries(program: Command, session: Session): void {
  const deliveries = program.command('deliveries').description('Deliveries: what webhooks were sent, and how it went.')
  addList(deliveries, session)
  addShow(deliveries, session)
  addReplay(deliveries, session)
}

function addList(parent: Command, session: Session): void {
  ofAccount(parent.command('list'))
    .description('Lists deliveries, newest first.')
    .option('--webhook <id>', 'to this webhook only')
    .option('--event <id>', 'of this event only')
    .option('--state <state>', `only those that are ${STATES.join(', ')}`)
    .option('--since <time>', 'only what was made since: 2026-09-21T13:00:00Z, or 2h for the last two hours')
    .option('--limit <count>', 'how many at most, 1 to 1000', '100')
    .option('--after <position>', '`next` of an earlier listing (see --json)')
    .addHelpText(
      'after',
      examples(
        'granary deliveries list --state dead',
        `granary deliveries list --webhook ${EXAMPLE_WEBHOOK} --since 24h --json`,
      ),
    )
    .action(async (options: ListOptions, command: Command) => {
      const { webhook, event, after } = options
      const filter = {
        webhook,
        event,
        after,
        state: parseState(options.state, STATES),
        since: options.since === undefined ? undefined : parseSince(options.since),
        limit: parseCount('--limit', options.limit),
      }
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const page = await client.call(operations.listDeliveries, { account, ...filter })
      const rows = table(
        page.deliveries,
        [
          ['ID', ({ id }) => id],
          ['CREATED', ({ createdAt }) => createdAt],
          ['STATE', ({ state }) => state],
          ['ATTEMPTS', ({ attempts }) => attempts],
          ['WEBHOOK', ({ webhook: to }) => to],
          ['EVENT', ({ eventType }) => eventType],
        ],
        'There are no such deliveries.',
      )
      session.show(command, page, rows)
      if (page.next !== null) session.terminal.err(`There are more: --after ${page.next}\n`)
    })
}

/** A state that is none of `known` is told so here; undefined stays undefined. */
function parseState<S extends State>(text: string | undefined, known: readonly S[]): S | undefined {
  const state = known.find((one) => one === text)
  if (text !== undefined && state === undefined) throw usage(`--state is ${known.join(' or ')}, not ${text}`)
  return state
}

function addShow(parent: Command, session: Session): void {
  ofAccount(parent.command('show <delivery>'))
    .description('Shows a delivery with every attempt to send it.')
    .addHelpText('after', examples(`granary deliveries show ${EXAMPLE_ID}`))
    .action(async (id: string, options: { readonly account?: string }, command: Command) => {
      const client = await session.client(command)
      const account = await accountOf(client, options.account)
      const delivery = await client.call(operations.describeDelivery, { account, delivery: id })
      session.show(command, delivery, described(delivery))
    })
}

const described = (delivery: Delivery): string =>
  facts([
    ['Delivery', delivery.id],
    ['Webhook', delivery.webhook],
    ['Event', `${delivery.event} (${delivery.eventType})`],
    ['Created', delivery.createdAt],
    ['State', delivery.state],
    ['Reason', delivery.reason],
    ['Next attempt', delivery.dueAt],
  ]) +
  (delivery.history.length === 0
    ? ''
    : `\n${table(
        delivery.history,
        [
          ['ATTEMPT', ({ number }) => number],
          ['AT', ({ at }) => at],
          ['TOOK', ({ duration }) => `${duration} ms`],
          ['STATUS', ({ status }) => status],
          ['ERROR', ({ error }) => error],
          ['ANSWER', ({ response }) => response?.slice(0, 60)],
        ],
        '',
      )}`)

function addReplay(parent: Command, session: Session): void {
  ofAccount(parent.command('replay [delivery]'))
    .description('Sends a delivery again, or those of a webhook that were given up.')
    .option('--webhook <id>', 'those of this webhook that are dead')
    .option('--since <time>', 'with --webhook: dead or delivered, since 2026-09-21T13:00:00Z, or 2h ago')
    .option('--state <state>', 'with --webhook: only those that are dead, or delivered')
    .addHelpText(
      'after',
      examples(
        `granary deliveries replay ${EXAMPLE_ID}`,
        `granary deliveries replay --webhook ${EXAMPLE_WEBHOOK}`,
        `granary deliveries replay --webhook ${EXAMPLE_WEBHOOK} --since 2h --state dead`,
      ),
    )
    .action(async (id: string | undefined, options: ReplayOptions, command: Command) => {
      if ((id === undefined) === (options.webhook === undefined)) throw usage('Name either a delivery or a --webhook')
      if (id !== undefined) return replayOne(session, command, id, options)
      return replayMany(session, command, options)
    })
}

async function replayOne(session: Session, command: Command, id: string, options: ReplayOptions): Promise<void> {
  if (options.since !== undefined || options.state !== undefined) throw usage('--since and --state go with --webhook')
  const client = await session.client(command)
  const account = await accountOf(client, options.account)
  const delivery = await client.call(operations.replayDelivery, { account, delivery: id })
  session.show(command, delivery, `Sending ${id} again\n`)
}

/** The server takes some at a time. */
async function replayMany(session: Session, command: Command, options: ReplayOptions): Promise<void> {
  const state = parseState(options.state, ['dead', 'delivered'])
  const since = options.since === undefined ? undefined : parseSince(options.since)
  const client = await session.client(command)
  const of = { account: await accountOf(client, options.account), webhook: options.webhook ?? '', state, since }
  let replayed = 0
  let after: string | undefined
  do {
    const page = await client.call(operations.replayDeliveries, { ...of, after })
    replayed += page.replayed
    after = page.next ?? undefined
  } while (after !== undefined)
  session.show(command, { replayed }, `Sending ${replayed} ${replayed === 1 ? 'delivery' : 'deliveries'} again\n`)
}
