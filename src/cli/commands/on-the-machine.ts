import type { Command } from 'commander'
import { usage } from '../failure.ts'

/** Commands that need the store itself. The launcher gives them to the server's program; here they are for the help. */
const ON_THE_MACHINE = [
  ['serve', 'serve packages; with --help: its settings'],
  ['config', 'print the settings and where each comes from'],
  ['backup', 'write the whole installation to a file'],
  ['restore', 'read an installation from a file'],
  ['fsck', 'check that every file is there and whole'],
] as const

export function addOnTheMachine(program: Command): void {
  program.commandsGroup('On the machine of the server:')
  for (const [name, summary] of ON_THE_MACHINE) {
    program
      .command(`${name} [arguments...]`)
      .summary(summary)
      .allowUnknownOption()
      .helpOption(false)
      .action(() => {
        throw usage(`granary ${name} runs on the machine of the server, by its launcher bin/granary.js`)
      })
  }
}
