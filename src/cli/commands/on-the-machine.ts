import type { Command } from 'commander'
import { usage } from '../failure.ts'
import type { Session } from '../session.ts'
import { examples } from './help.ts'

type OnTheMachine = {
  readonly name: string
  readonly usage: string
  readonly summary: string
  readonly description: string
  readonly examples: readonly string[]
}

/** Commands that need the store itself. The launcher gives them to the server's program; here they are for the help. */
const ON_THE_MACHINE: readonly OnTheMachine[] = [
  {
    name: 'serve',
    usage: 'granary serve [--config FILE] [--SETTING VALUE …]',
    summary: 'serve packages',
    description:
      'Serves packages until it is told to stop. Settings are flags, environment variables or a JSON file;\n' +
      '`granary config` lists them all.',
    examples: ['granary serve', 'granary serve --port 8080 --data /srv/granary'],
  },
  {
    name: 'config',
    usage: 'granary config [--json] [--config FILE] [--SETTING VALUE …]',
    summary: 'print the settings and where each comes from',
    description:
      'Prints every setting, its value, where that came from, and its environment variable. Secrets are hidden.',
    examples: ['granary config', 'granary config --json'],
  },
  {
    name: 'backup',
    usage: 'granary backup FILE [--include-cache] [--json]',
    summary: 'write the whole installation to a file',
    description:
      'Writes everything but the master key to one file, while the server runs. What upstreams can give again is left\n' +
      'out, unless --include-cache is given.',
    examples: ['granary backup granary.tar', 'granary backup granary.tar --include-cache --json'],
  },
  {
    name: 'restore',
    usage: 'granary restore FILE [--json]',
    summary: 'read an installation from a file',
    description:
      'Reads a backup into an installation that is empty: before its first start, while nothing serves from it.',
    examples: ['granary restore granary.tar', 'GRANARY_DATA=/srv/granary granary restore granary.tar'],
  },
  {
    name: 'fsck',
    usage: 'granary fsck [--quick] [--repair] [--json]',
    summary: 'check that every file is there and whole',
    description:
      'Reads every stored file and compares it with its hash, while the server runs. --quick compares sizes only;\n' +
      '--repair gives up damaged files that upstreams can give again. Ends with 1 where something is damaged.',
    examples: ['granary fsck', 'granary fsck --repair'],
  },
  {
    name: 'recover-key',
    usage: 'granary recover-key [--json]',
    summary: 'make a new access key for the first user',
    description:
      'Makes another access key for the user admin and writes it to credentials in the data folder, for who lost the\n' +
      'old one. Earlier keys still work until they are revoked.',
    examples: ['granary recover-key'],
  },
]

export function addOnTheMachine(program: Command, { terminal }: Session): void {
  program.commandsGroup('On the machine of the server:')
  for (const { name, usage: line, summary, description, examples: lines } of ON_THE_MACHINE) {
    const help = `Usage: ${line}\n\n${description}\n${examples(...lines)}`
    const command = program
      .command(`${name} [arguments...]`)
      .summary(summary)
      .allowUnknownOption()
      // Commander's own would show the options of the commands that are clients of a server.
      .helpOption(false)
      .action((given: readonly string[]) => {
        if (!given.some((argument) => argument === '--help' || argument === '-h')) {
          throw usage(`granary ${name} runs on the machine of the server, by its launcher bin/granary.js`)
        }
        terminal.out(help)
      })
    command.helpInformation = () => help
  }
}
