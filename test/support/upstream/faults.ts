import type { ServerResponse } from 'node:http'

/** What can go wrong between a registry and its upstream. */
export type Fault =
  /** Another status in place of the answer: `{ kind: 'status', status: 429, headers: { 'retry-after': '2' } }`. */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  /** The request is accepted and never answered. */
  | { readonly kind: 'hang' }
  /** Status, headers and the first `after` bytes come; then silence, for ever or until `until` resolves. */
  | { readonly kind: 'stall'; readonly after: number; readonly until?: Promise<void> }
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** The whole `Content-Length` is promised, `after` bytes come, and the connection is closed in good order. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** The connection is reset: at once, or after `after` bytes of the body. */
  | { readonly kind: 'reset'; readonly after?: number }
  /** The right length, one byte in the middle changed. */
  | { readonly kind: 'wrong-bytes' }
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: number }
  /** No ETag, no Last-Modified, and conditions are ignored. */
  | { readonly kind: 'no-etag' }
  /** A captive portal: 200, and a page for people. */
  | { readonly kind: 'html' }

type Rule = { readonly where: string | RegExp; readonly fault: Fault; left: number }

/** The faults that are switched on. Later ones are asked first. */
export class Faults {
  #rules: Rule[] = []

  /**
   * Switches a fault on. `where`: a path exactly as requested (without query), a pattern, or `*` for every request.
   * `times`: how many requests it hits before it goes away by itself.
   */
  on(where: string | RegExp, fault: Fault, options: { times?: number } = {}): void {
    this.#rules.unshift({ where, fault, left: options.times ?? Infinity })
  }

  /** Switches off what was switched on for `where`, or everything. */
  clear(where?: string | RegExp): void {
    this.#rules = where === undefined ? [] : this.#rules.filter((rule) => String(rule.where) !== String(where))
  }

  /** The fault that this request meets, counted as met. */
  meet(path: string): Fault | undefined {
    const rule = this.#rules.find(({ where, left }) => left > 0 && matches(where, path))
    if (rule) rule.left -= 1
    return rule?.fault
  }
}

function matches(where: string | RegExp, path: string): boolean {
  return where instanceof RegExp ? where.test(path) : where === '*' || where === path
}

const PORTAL = '<!doctype html><html><head><title>Welcome</title></head><body>Please accept our terms.</body></html>'

/** Faults that replace the answer; false where the fault wants the real one. */
export function answerWithFault(fault: Fault, response: ServerResponse): boolean {
  switch (fault.kind) {
    case 'status':
      response.writeHead(fault.status, fault.headers)
      response.end(fault.body ?? `fault: ${fault.status}\n`)
      return true
    case 'redirect':
      response.writeHead(fault.status ?? 302, { location: fault.to })
      response.end()
      return true
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', etag: '"portal"' })
      response.end(PORTAL)
      return true
    case 'hang':
      return true
    case 'reset':
      if (fault.after !== undefined) return false
      response.socket?.resetAndDestroy()
      return true
    default:
      return false
  }
}

/** Sends a body the way the fault has it. The head is written by now, with the length of the whole body. */
export async function sendBody(body: Uint8Array, fault: Fault | undefined, response: ServerResponse): Promise<void> {
  switch (fault?.kind) {
    case 'stall':
      await write(response, body.subarray(0, fault.after))
      if (!fault.until) return
      await fault.until
      response.end(body.subarray(fault.after))
      return
    case 'truncate':
      await write(response, body.subarray(0, fault.after))
      response.socket?.end()
      return
    case 'reset':
      await write(response, body.subarray(0, fault.after))
      // What was written leaves the machine first; a reset would discard it.
      setTimeout(() => response.socket?.resetAndDestroy(), 30)
      return
    case 'slow':
      return sendSlowly(body, fault.bytesPerSecond, response)
    case 'wrong-bytes': {
      const wrong = Uint8Array.from(body)
      const middle = wrong.length >> 1
      wrong[middle] = (wrong[middle] ?? 0) ^ 0xff
      response.end(wrong)
      return
    }
    default:
      response.end(body)
  }
}

function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) {
    response.flushHeaders()
    return Promise.resolve()
  }
  return new Promise((resolve) => response.write(bytes, () => resolve()))
}

async function sendSlowly(body: Uint8Array, bytesPerSecond: number, response: ServerResponse): Promise<void> {
  const step = Math.max(1, Math.ceil(bytesPerSecond / 20))
  for (let sent = 0; sent < body.length && !response.destroyed; sent += step) {
    await write(response, body.subarray(sent, sent + step))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  response.end()
}
