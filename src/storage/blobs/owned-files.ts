import { createHash, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

// Temporary files carry the name of the process that owns them, so that the next start can tell what a killed one left
// behind from what a living one, under the same root, is at work on:  <host>-<pid>-<run>-<count>

const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
// A container's only process has the same id after every restart; this tells its runs apart.
const RUN = randomBytes(6).toString('hex')
const PATTERN = /^([0-9a-f]{8})-([0-9]+)-([0-9a-f]{12})-[0-9]+$/

/** Long enough for any landing, which its request's deadline ends much earlier. */
const LEFT_BEHIND_MS = 3_600_000

let count = 0

/** A file name that no other process, and no other call, makes. */
export function ownedName(): string {
  return `${HOST}-${process.pid}-${RUN}-${++count}`
}

/**
 * True for a file that nobody works on any more: its process is gone, or nothing happened to it for an hour.
 * `changedAt` is the file's ctime in milliseconds: renaming a file, as the trash does, moves it, and leaves mtime alone.
 */
export function isLeftBehind(name: string, changedAt: number, now: number): boolean {
  const [, host, pid, run] = PATTERN.exec(name) ?? []
  if (host === undefined) return false // not ours to judge
  if (run === RUN && Number(pid) === process.pid) return false
  // Another machine's or container's processes cannot be seen from here: only time tells.
  if (host === HOST && !isAlive(Number(pid))) return true
  return now - changedAt > LEFT_BEHIND_MS
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false // an earlier run under the same id
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
