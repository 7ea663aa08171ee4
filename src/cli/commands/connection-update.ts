import type { Command } from 'commander'
import { operations } from '../../api/index.ts'
import { repeated } from '../notation.ts'
import { usage } from '../failure.ts'
import type { Session } from '../session.ts'
import { describe, EXCEPT, limitsOf, ONLY, TIMEOUT, type LimitOptions } from './connection-limits.ts'
import { examples } from './help.ts'
import { readCredentials } from './registry-credentials.ts'

type UpdateOptions = Omit<LimitOptions, 'only' | 'except' | 'timeout'> & {
  readonly url?: string
  readonly fileOrigin?: readonly string[]
  readonly credentialsFile?: string
  /** false: --no-… */
  readonly credentials?: boolean
  readonly only?: readonly string[] | false
  readonly except?: readonly string[] | false
  readonly timeout?: string | false
  readonly enable?: boolean
  readonly disable?: boolean
}

export function addConnectionUpdate(parent: Command, session: Session): void {
  parent
    .command('update <name>')
    .description('Changes a connection: what is given replaces what was, the rest stays.')
    .option('--url <url>', 'where it leads; at another host it needs its credentials anew')
    .option('--file-origin <origin>', 'another origin that its index says files are at; may be repeated', repeated)
    .option('--credentials-file <file>', 'as for create')
    .option('--no-credentials', 'forget its credentials')
    .option(...ONLY)
    .option('--no-only', 'ask it for everything')
    .option(...EXCEPT)
    .option('--no-except', 'without exceptions')
    .option(...TIMEOUT)
    .option('--no-timeout', 'the usual patience')
    .option('--disable', 'ask it for nothing; what came from it is served all the same')
    .option('--enable', 'ask it again')
    .addHelpText(
      'after',
      `\n--url is the other registry's here; name your own server before the command or by GRANARY_URL.\n` +
        examples(
          'granary connection update private:partner --disable',
          "granary connection update private:partner --only 'npm:@partner/*' --timeout 10s",
          'granary connection update private:partner --credentials-file partner.json',
        ),
    )
    .action(async (name: string, options: UpdateOptions, command: Command) => {
      if (options.enable && options.disable) throw usage('--enable and --disable contradict each other')
      const client = await session.client(command, { urlIsAnother: true })
      const { only, except, timeout, credentialsFile } = options
      const listed = await client.call(operations.listConnections, {})
      const format = listed.connections.find((one) => one.name === name)?.format
      const changed = await client.call(operations.updateConnection, {
        connection: name,
        ...(options.url !== undefined && { url: options.url }),
        ...(options.fileOrigin && { fileOrigins: [...options.fileOrigin] }),
        ...(options.credentials === false && { credentials: { type: 'none' } as const }),
        ...(credentialsFile !== undefined && { credentials: await readCredentials(credentialsFile) }),
        ...limitsOf({ ...(only && { only }), ...(except && { except }), ...(timeout && { timeout }) }, format),
        ...(only === false && { only: [] }),
        ...(except === false && { except: [] }),
        ...(timeout === false && { timeoutMs: 0 }),
        ...((options.enable || options.disable) && { enabled: options.enable === true }),
      })
      session.show(command, changed, describe(changed))
    })
}
