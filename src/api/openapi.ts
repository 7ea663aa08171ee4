import { z } from 'zod'
import { allOperations } from './index.ts'
import { isCodeArtifact, type AnyOperation, type Member } from './operation.ts'

type Json = Readonly<Record<string, unknown>>

/** The OpenAPI 3.1 document of the whole management API. `servers`: base URLs without a trailing slash. */
export function openApiDocument(options: { readonly version: string; readonly servers: readonly string[] }): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const operation of allOperations) {
    const methods = (paths[operation.path] ??= {})
    methods[operation.method.toLowerCase()] = describeOperation(operation)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Granary',
      version: options.version,
      description:
        "The management API: CodeArtifact's operations under /v1, and what CodeArtifact has no operation for under /api.",
    },
    servers: options.servers.map((url) => ({ url })),
    security: [{ signature: [] }, { token: [] }],
    paths,
    components: { securitySchemes: SECURITY_SCHEMES, schemas: ERROR_SCHEMAS },
  }
}

const SECURITY_SCHEMES = {
  signature: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'AWS Signature Version 4 with an access key; service `codeartifact` or `granary`, any region.',
    // How API descriptions of AWS itself say it.
    'x-amazon-apigateway-authtype': 'awsSigv4',
  },
  token: { type: 'http', scheme: 'bearer', description: 'A token of GetAuthorizationToken; it reaches one domain.' },
} as const

const ERROR_SCHEMAS = {
  CodeArtifactError: {
    type: 'object',
    required: ['message', '__type'],
    properties: {
      __type: { type: 'string', description: 'The name of the exception, also in the header `x-amzn-errortype`.' },
      message: { type: 'string' },
      reason: { type: 'string' },
      resourceId: { type: 'string' },
      resourceType: { type: 'string' },
    },
  },
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: { code: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
} as const

function describeOperation(operation: AnyOperation): Json {
  const members = Object.values(operation.input)
  const inBody = members.filter((member) => member.in === 'body')
  const error = isCodeArtifact(operation) ? 'CodeArtifactError' : 'Error'
  const needs = operation.action === null ? '' : `Needs the action \`${operation.action}\`.`
  return {
    operationId: operation.name,
    summary: operation.summary,
    description: [operation.description, needs].filter(Boolean).join('\n\n'),
    tags: [isCodeArtifact(operation) ? 'CodeArtifact' : 'Granary'],
    parameters: members.filter((member) => member.in !== 'body').map(describeParameter),
    ...(inBody.length > 0 && { requestBody: describeBody(operation, inBody) }),
    responses: {
      '200': {
        description: 'Done.',
        content: {
          'application/json': {
            schema: jsonSchema(operation.output),
            examples: Object.fromEntries(
              operation.examples.map(({ title, output }, index) => [
                `example${index + 1}`,
                { summary: title, value: output },
              ]),
            ),
          },
        },
      },
      default: {
        description: 'Refused or failed.',
        content: { 'application/json': { schema: { $ref: `#/components/schemas/${error}` } } },
      },
    },
  }
}

const isRequired = ({ schema }: Member): boolean => !schema.safeParse(undefined).success

const describeParameter = (member: Member): Json => ({
  name: member.name,
  in: member.in,
  required: isRequired(member),
  schema: jsonSchema(member.schema),
})

function describeBody(operation: AnyOperation, inBody: readonly Member[]): Json {
  // A member that is accepted only when it is absent is no part of what one may send.
  const sendable = inBody.filter(({ schema }) => !isNothing(schema))
  const required = sendable.filter(isRequired).map(({ name }) => name)
  const examples = operation.examples.map(({ title, input }, index) => {
    const given = input as Json
    const value = Object.entries(operation.input)
      .filter(([key, { in: place }]) => place === 'body' && given[key] !== undefined)
      .map(([key, { name }]) => [name, given[key]])
    return [`example${index + 1}`, { summary: title, value: Object.fromEntries(value) }]
  })
  return {
    required: required.length > 0,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: Object.fromEntries(sendable.map(({ name, schema }) => [name, jsonSchema(schema)])),
          ...(required.length > 0 && { required }),
        },
        examples: Object.fromEntries(examples),
      },
    },
  }
}

const isNothing = (schema: z.ZodType): boolean =>
  schema instanceof z.ZodOptional ? isNothing(schema.unwrap() as z.ZodType) : schema instanceof z.ZodUndefined

function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' })
  return rest
}
