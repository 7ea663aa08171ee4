import { isCodeArtifact, type AnyOperation } from '../api/operation.ts'
import type { ManagementDialect } from './management-errors.ts'

/** Where a management request leads. */
export type ManagementRoute = {
  /** null: the OpenAPI document, which needs no log-in; or STS, whose action stands in the body. */
  readonly operation: AnyOperation | null
  /** For logs and metrics: the operation's name. */
  readonly name: string
  readonly dialect: ManagementDialect
  /** The service that SigV4 is signed for. */
  readonly service: 'codeartifact' | 'granary' | 'sts'
  /** Path variables, decoded. */
  readonly variables: Readonly<Record<string, string>>
}

const OPENAPI: ManagementRoute = {
  operation: null,
  name: 'OpenAPI',
  dialect: 'granary',
  service: 'granary',
  variables: {},
}
const OPENAPI_PATH = '/api/openapi.json'

/** Every request of the Query protocol goes to the root. */
const STS: ManagementRoute = { operation: null, name: 'STS', dialect: 'sts', service: 'sts', variables: {} }
const STS_PATH = '/'

/**
 * Paths match exactly: in case, without a trailing slash, without empty segments. Anything looser would let two spellings of
 * one path be treated differently by what stands before this server.
 */
export function createRoutes(
  operations: readonly AnyOperation[],
): (method: string, rawPath: string) => ManagementRoute | undefined {
  const byShape = Map.groupBy(operations, ({ method, path }) => `${method} ${path.split('/').length}`)
  return (method, rawPath) => {
    if (rawPath === OPENAPI_PATH) return method === 'GET' ? OPENAPI : undefined
    if (rawPath === STS_PATH) return method === 'POST' ? STS : undefined
    const segments = rawPath.split('/')
    for (const operation of byShape.get(`${method} ${segments.length}`) ?? []) {
      const variables = matchSegments(operation.path.split('/'), segments)
      if (variables) return routeOf(operation, variables)
    }
    return undefined
  }
}

function routeOf(operation: AnyOperation, variables: Readonly<Record<string, string>>): ManagementRoute {
  const aws = isCodeArtifact(operation)
  return {
    operation,
    name: operation.name,
    dialect: aws ? 'aws' : 'granary',
    service: aws ? 'codeartifact' : 'granary',
    variables,
  }
}

function matchSegments(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  const variables: Record<string, string> = {}
  for (const [index, expected] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (!expected.startsWith('{')) {
      if (segment !== expected) return null
      continue
    }
    const value = decode(segment)
    if (!value) return null
    variables[expected.slice(1, -1)] = value
  }
  return variables
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
