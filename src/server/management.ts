import { randomUUID } from 'node:crypto'
import { openApiDocument } from '../api/openapi.ts'
import { RegistryError } from '../registry/errors.ts'
import type { RequestFacts } from '../registry/authorize.ts'
import type { Caller } from '../registry/model.ts'
import { readTopologyCounter } from '../registry/topology.ts'
import { adminHandlers } from './admin/index.ts'
import { codeArtifactHandlers } from './codeartifact/index.ts'
import type { Handler, HandlerContext, ManagementParts } from './handler.ts'
import { jsonResponse, renderManagementError, type ManagementResponse } from './management-errors.ts'
import { parseInput } from './management-input.ts'
import { createRoutes, type ManagementRoute } from './management-routes.ts'
import { findSubject } from './management-target.ts'
import { serveSts } from './sts/index.ts'

/** A request whose sender is known already. */
export type ManagementRequest = {
  readonly method: string
  readonly rawPath: string
  /** Without the `?`. */
  readonly rawQuery: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Whole; bounding it is the server's business. */
  readonly body: Uint8Array
  readonly caller: Caller
  /** As received: with the port, where there is one. */
  readonly host: string
  /** What policies' conditions may look at besides who calls and when: `aws:SourceIp`. */
  readonly facts?: RequestFacts
  /** Under which the log knows it; STS tells it in its answers. */
  readonly requestId?: string
}

export type Management = {
  /** undefined: no operation has this method and path. */
  match(method: string, rawPath: string): ManagementRoute | undefined
  /** Answers refusals, too. Throws only what is a bug; `renderError` makes an answer of it. */
  handle(route: ManagementRoute, request: ManagementRequest): Promise<ManagementResponse>
  /** The answer to an error in the words of the route's protocol. */
  renderError(route: Pick<ManagementRoute, 'dialect'>, error: unknown, requestId?: string): ManagementResponse
}

export const allHandlers: readonly Handler[] = [...codeArtifactHandlers, ...adminHandlers]

/** The management API as one function from requests to answers: parse, ask for the permission, run the handler. */
export function createManagement(parts: ManagementParts): Management {
  const handlers = new Map(allHandlers.map((handler) => [handler.operation.name, handler]))
  const match = createRoutes(allHandlers.map(({ operation }) => operation))
  const document = JSON.stringify(
    openApiDocument({
      version: parts.config.version,
      servers: parts.config.publicUrls.map((url) => url.replace(/\/$/, '')),
    }),
  )
  return {
    match,
    async handle(route, request) {
      if (route.dialect === 'sts') return serveSts(parts, { facts: {}, requestId: randomUUID(), ...request })
      if (route.operation === null) return { ...jsonResponse(200, null), body: document }
      try {
        const handler = handlers.get(route.operation.name)
        if (!handler) throw new Error(`No handler for ${route.operation.name}`)
        return jsonResponse(200, await again(() => run(parts, handler, route, request)))
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error
        return renderManagementError(route.dialect, error)
      }
    },
    renderError: ({ dialect }, error, requestId) => renderManagementError(dialect, error, requestId),
  }
}

const ATTEMPTS = 5

/** Whoever loses a race against another change looks at what is there now, and plans anew. */
async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (attempts === ATTEMPTS || !(error instanceof RegistryError && error.code === 'busy')) throw error
    }
  }
}

async function run(
  parts: ManagementParts,
  { operation, handle }: Handler,
  route: ManagementRoute,
  request: ManagementRequest,
): Promise<unknown> {
  const { caller, host, facts = {} } = request
  if (caller.kind === 'anonymous') {
    throw new RegistryError('unauthenticated', 'Missing Authentication Token', {
      awsCode: 'MissingAuthenticationTokenException',
    })
  }
  const input = parseInput(operation, { ...request, variables: route.variables })
  const topology = await readTopologyCounter(parts.store)
  const subject = await findSubject(parts, operation, input as Record<string, string | undefined>, caller, topology)
  const require: HandlerContext['require'] = ({ context = {}, ...question }) =>
    parts.authorizer.require({ ...question, caller, topology, context: { ...facts, ...context } })
  if (operation.action !== null) {
    const { resource, owner, domain, repository } = subject
    const identityPoliciesOnly = subject.hasNoPolicy === true || operation.ignoresResourcePolicies === true
    await require({
      action: operation.action,
      resource,
      owner,
      domain,
      ...(repository && { repository }),
      identityPoliciesOnly,
    })
  }
  const context: HandlerContext = {
    parts,
    caller,
    target: subject.target(),
    manage: { caller, now: parts.clock.now(), id: randomUUID },
    host,
    require,
  }
  return handle(input as never, context as never)
}
