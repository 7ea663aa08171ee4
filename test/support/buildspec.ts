import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { run, type Finished } from './clients/run.ts'

/** The part of AWS's buildspec format, version 0.2, that the example uses. */
type Buildspec = {
  readonly version: number
  readonly env?: { readonly variables?: Readonly<Record<string, string>> }
  readonly phases: Readonly<Record<string, { readonly commands: readonly string[] }>>
}

/** The order in which CodeBuild runs the phases of a buildspec. */
const PHASES = ['install', 'pre_build', 'build', 'post_build'] as const
export type Phase = (typeof PHASES)[number]

export type RanPhase = Finished & { readonly phase: Phase }

/**
 * Runs a buildspec phase by phase as CodeBuild does: each in the folder of the source with all that earlier phases left on
 * disk; a command that fails ends its phase; after a failed install nothing runs, after a failed build only post_build, which
 * `CODEBUILD_BUILD_SUCCEEDING` tells of it. `env` stands in for what a build project sets over the buildspec's variables.
 */
export async function runBuildspec(
  file: string,
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<readonly RanPhase[]> {
  const { version, env: declared, phases } = parse(await readFile(file, 'utf8')) as Buildspec
  if (version !== 0.2) throw new Error(`${file} has version ${version}, not 0.2`)
  const unknown = Object.keys(phases).filter((phase) => !(PHASES as readonly string[]).includes(phase))
  if (unknown.length > 0) throw new Error(`${file} has phases that are none: ${unknown.join(', ')}`)
  const ran: RanPhase[] = []
  for (const phase of PHASES) {
    const commands = phases[phase]?.commands
    const failed = ran.find(({ code }) => code !== 0)
    if (!commands || (failed && !(failed.phase === 'build' && phase === 'post_build'))) continue
    const variables = { ...declared?.variables, ...env, CODEBUILD_BUILD_SUCCEEDING: failed ? '0' : '1' }
    ran.push({ phase, ...(await run('bash', ['-e', '-c', commands.join('\n')], { cwd, env: variables })) })
  }
  return ran
}
