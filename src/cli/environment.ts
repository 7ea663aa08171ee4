/** Environment variables, as the command line reads them: GRANARY_*, the AWS chain's, and where package managers keep their settings. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The only place of the command line that looks at the process's own. */
export const PROCESS_ENVIRONMENT: Environment = process.env
