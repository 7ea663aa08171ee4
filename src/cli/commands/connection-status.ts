import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import type { OutputOf } from '../../api/operation.ts'
import { facts, table } from '../output.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

type Status = OutputOf<typeof operations.describeConnections>
type Health = Status['connections'][number]

/** As people say it; metrics and JSON have the other words. */
const IN_WORDS = {
  closed: 'works',
  open: 'paused',
  'half-open': 'being tried',
  disabled: 'disabled',
  offline: 'offline',
} as const satisfies Record<Health['state'], string>

export function addConnectionStatus(parent: Command, session: Session): void {
  parent
    .command('status [name]')
    .description('Tells how the registries behind the connections are doing, as the process that answers has seen it.')
    .addHelpText('after', examples('granary connection status', 'granary connection status public:npmjs'))
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const status = await (
        await session.client(command)
      ).call(operations.describeConnections, name === undefined ? {} : { connection: name })
      const { host, pid, startedAt } = status.process
      const seenBy = `As process ${pid} on ${host} has seen it since ${startedAt}.\n`
      const [only] = status.connections
      const shown = name !== undefined && only ? oneOf(only) : tableOf(status.connections)
      session.show(command, status, shown + seenBy)
    })
}

const tableOf = (connections: readonly Health[]): string =>
  table(
    connections,
    [
      ['NAME', ({ name }) => name],
      ['STATE', ({ state }) => IN_WORDS[state]],
      ['SINCE', ({ since }) => since],
      ['LAST ANSWER', ({ lastSuccessAt }) => lastSuccessAt],
      ['LATENCY', ({ latencyMs }) => latencyMs && `${latencyMs} ms`],
      ['FAILED', ({ requests }) => requests.failed],
      ['LAST FAILURE', ({ lastFailure }) => lastFailure && `${lastFailure.at} ${lastFailure.reason}`],
    ],
    'There are no connections.',
  )

const oneOf = ({ name, state, since, until, troubled, lastSuccessAt, lastFailure, latencyMs, requests }: Health) =>
  facts([
    ['Name', name],
    ['State', IN_WORDS[state]],
    ['Since', since],
    ['Nothing is sent before', until],
    ...troubled.map((origin) => [`Files at ${origin.origin}`, IN_WORDS[origin.state]] as const),
    ['Last answer', lastSuccessAt],
    ['Last failure', lastFailure && `${lastFailure.at} ${lastFailure.reason}`],
    ['Latency of an index', latencyMs === null ? null : `${latencyMs} ms`],
    [
      'Requests',
      `${requests.answered} answered, ${requests.absent} not found, ${requests.failed} failed, ${requests.notSent} not sent`,
    ],
  ])
