import { describe, expect, it } from 'vitest'
import { allOperations } from '../../src/api/index.ts'
import { isCodeArtifact, type AnyOperation } from '../../src/api/operation.ts'
import { clientHome } from '../support/clients/home.ts'
import { requireClient } from '../support/clients/require-client.ts'

// The operations are held against Amazon's own description of the service, which comes with the AWS SDK for Python.

type Shape = {
  readonly required?: readonly string[]
  readonly members?: Readonly<
    Record<string, { readonly shape: string; readonly location?: string; readonly locationName?: string }>
  >
  readonly member?: { readonly shape: string }
}
type Model = {
  readonly operations: Readonly<
    Record<
      string,
      {
        readonly http: { readonly method: string; readonly requestUri: string }
        readonly input: { readonly shape: string }
        readonly output: { readonly shape: string }
      }
    >
  >
  readonly shapes: Readonly<Record<string, Shape>>
}

const READ_MODEL = `
import gzip, os, sys
try:
    import botocore
except ImportError:
    try:
        from awscli import botocore  # newer AWS CLIs bring their own copy
    except ImportError:
        sys.exit(3)
folder = os.path.join(os.path.dirname(botocore.__file__), 'data', 'codeartifact', '2018-09-22', 'service-2.json')
data = gzip.open(folder + '.gz').read() if os.path.exists(folder + '.gz') else open(folder, 'rb').read()
sys.stdout.buffer.write(data)
`

const ofModel = ({ operations, shapes }: Model, name: string) => {
  const { http, input, output } = operations[name] ?? expect.unreachable(`${name} is no operation of CodeArtifact`)
  const { members = {}, required = [] } = shapes[input.shape] ?? {}
  return {
    http: `${http.method} ${http.requestUri}`,
    members: Object.entries(members)
      .map(
        ([key, { location, locationName }]) =>
          `${location === 'querystring' ? 'query' : 'body'} ${locationName ?? key}`,
      )
      .toSorted(),
    required: required.map((key) => members[key]?.locationName ?? key).toSorted(),
    output: output.shape,
  }
}

/** Members of an answer that the model does not have, however deep they lie: `policy.resourceName`. */
function unknownMembers(model: Model, name: string, value: unknown, at = ''): readonly string[] {
  const { members, member } = model.shapes[name] ?? {}
  if (Array.isArray(value) && member) return value.flatMap((one) => unknownMembers(model, member.shape, one, at))
  if (typeof value !== 'object' || value === null || !members) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const known = members[key]
    return known ? unknownMembers(model, known.shape, inner, `${at}${key}.`) : [`${at}${key}`]
  })
}

const ofOurs = ({ method, path, input }: AnyOperation) => ({
  http: `${method} ${path}`,
  members: Object.values(input)
    .map((member) => `${member.in} ${member.name}`)
    .toSorted(),
  required: Object.values(input)
    .filter(({ schema }) => !schema.safeParse(undefined).success)
    .map(({ name }) => name)
    .toSorted(),
})

describe("CodeArtifact's service model", () => {
  it('has the same paths, parameters and results as every operation of ours', async (context) => {
    const python = await requireClient(context, 'python3')
    await using home = await clientHome()
    const { code, stdout } = await python(home, ['-c', READ_MODEL])
    if (code === 3 && process.env.GRANARY_TEST_REQUIRE !== 'all') return context.skip('python3 has no botocore')
    const model = JSON.parse(stdout) as Model
    for (const operation of allOperations.filter(isCodeArtifact)) {
      const { output, ...theirs } = ofModel(model, operation.name)
      expect(ofOurs(operation), operation.name).toEqual(theirs)
      const example = operation.examples[0]?.output ?? expect.unreachable(`${operation.name} has no example`)
      expect(unknownMembers(model, output, example), operation.name).toEqual([])
    }
  })
})
