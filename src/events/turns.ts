import { setImmediate as nextTurn } from 'node:timers/promises'

export type InTurns = <T>(task: () => Promise<T>) => Promise<T>

/**
 * Runs tasks in the order in which they come: `most` at once, and each begins in a turn of the event loop of its own. What
 * SQLite does, it does without letting go of the thread, so a hundred writes after each other would be one long pause of
 * the whole process.
 */
export function inTurns(most: number): InTurns {
  const waiting: (() => void)[] = []
  let running = 0
  let turn: Promise<unknown> = Promise.resolve()
  return async (task) => {
    if (running < most) running += 1
    else await new Promise<void>((begin) => waiting.push(begin))
    try {
      turn = turn.then(() => nextTurn())
      await turn
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
