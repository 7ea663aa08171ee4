import { describe, expect, it } from 'vitest'
import { allOperations } from './index.ts'
import { openApiDocument } from './openapi.ts'
import { inputSchema, isCodeArtifact } from './operation.ts'

describe('the operations', () => {
  it('have names and routes of their own', () => {
    const names = allOperations.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    const routes = allOperations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`)
    expect(new Set(routes).size).toBe(routes.length)
  })

  describe.each(allOperations.map((operation) => [operation.name, operation] as const))('%s', (_, operation) => {
    const members = Object.values(operation.input)

    it('has a member for each variable of its path, and no other ones', () => {
      const variables = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      const inPath = members.filter((member) => member.in === 'path').map(({ name }) => name)
      expect(inPath.toSorted()).toEqual(variables.toSorted())
      if (isCodeArtifact(operation)) expect(variables).toEqual([])
    })

    it('has no two members of one name in one place, and no body where a body means nothing', () => {
      const places = members.map((member) => `${member.in} ${member.name}`)
      expect(new Set(places).size).toBe(places.length)
      if (['GET', 'DELETE'].includes(operation.method))
        expect(members.some(({ in: place }) => place === 'body')).toBe(false)
    })

    it('has examples that are valid', () => {
      expect(operation.examples.length).toBeGreaterThan(0)
      for (const { title, input, output } of operation.examples) {
        expect(inputSchema(operation.input).safeParse(input), title).toMatchObject({ success: true })
        expect(operation.output.safeParse(output), title).toMatchObject({ success: true })
      }
    })

    it('says in a sentence what it does', () => {
      expect(operation.summary).toMatch(/^[A-Z].*\.$/)
    })
  })
})

describe('the OpenAPI document', () => {
  const document = openApiDocument({ version: '1.2.3', servers: ['https://granary.example'] })
  const paths = document['paths'] as Record<string, Record<string, { operationId: string; parameters: object[] }>>

  it('has every operation', () => {
    const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
    expect(ids.toSorted()).toEqual(allOperations.map(({ name }) => name).toSorted())
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { version: '1.2.3' },
      servers: [{ url: 'https://granary.example' }],
    })
  })

  it('describes where members travel and which are required', () => {
    expect(paths['/v1/repository/endpoint']?.['get']?.parameters).toEqual([
      expect.objectContaining({ name: 'domain', in: 'query', required: true }),
      expect.objectContaining({ name: 'domain-owner', in: 'query', required: false }),
      expect.objectContaining({ name: 'repository', in: 'query', required: true }),
      expect.objectContaining({ name: 'format', in: 'query', required: true }),
      expect.objectContaining({ name: 'endpointType', in: 'query', required: false }),
    ])
    expect(paths['/api/accounts/{account}/users']?.['post']).toMatchObject({
      parameters: [{ name: 'account', in: 'path', required: true }],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { properties: { name: { type: 'string' } }, required: ['name'] } } },
      },
    })
  })

  it('does not offer what is refused whenever it is there', () => {
    expect(JSON.stringify(paths['/v1/domain']?.['post'])).not.toContain('encryptionKey')
  })

  it('is JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document)
  })
})
