import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino'

export type Log = Logger

/** Structured lines on standard output. Messages can be read alone; ids are fields. Never a token, a secret or a body. */
export function createLog(level: string, destination: DestinationStream = pino.destination(1)): Log {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['authorization', '*.authorization', 'headers', '*.headers', 'secret', '*.secret', 'token', '*.token'],
      remove: true,
    },
    serializers: { error: pino.stdSerializers.err },
  }
  return pino(options, destination)
}
