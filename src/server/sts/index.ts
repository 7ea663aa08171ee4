import { RegistryError } from '../../registry/errors.ts'
import type { RequestFacts } from '../../registry/authorize.ts'
import type { Caller, KnownCaller } from '../../registry/model.ts'
import type { ManagementParts } from '../handler.ts'
import { stsAnswer, stsError, type StsResponse } from './answers.ts'
import { assumeRole } from './assume-role.ts'
import { getCallerIdentity } from './get-caller-identity.ts'
import { readParameters, type StsRequest } from './parameters.ts'
import type { Element } from './xml.ts'

type Parts = Pick<ManagementParts, 'store' | 'authorizer' | 'sessions' | 'clock'>

/** STS, as much of it as there is: `POST /`, the Query protocol of AWS, XML answers. Throws only what is a bug. */
export async function serveSts(
  parts: Parts,
  request: {
    readonly rawQuery: string
    readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
    readonly body: Uint8Array
    readonly caller: Caller
    readonly facts: RequestFacts
    readonly requestId: string
  },
): Promise<StsResponse> {
  const { caller, facts, requestId } = request
  try {
    if (caller.kind === 'anonymous') {
      throw new RegistryError('unauthenticated', 'Request is missing Authentication Token', {
        awsCode: 'MissingAuthenticationToken',
      })
    }
    const { 'content-type': contentType } = request.headers
    const asked = readParameters({ ...request, contentType: contentType?.toString() })
    return stsAnswer(asked.action, await carryOut(parts, asked, { caller, facts }), requestId)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    return stsError(error, requestId)
  }
}

async function carryOut(
  parts: Parts,
  request: StsRequest,
  asking: { readonly caller: KnownCaller; readonly facts: RequestFacts },
): Promise<readonly Element[]> {
  switch (request.action) {
    case 'AssumeRole':
      return assumeRole(parts, request, asking)
    case 'GetCallerIdentity':
      return getCallerIdentity(request, asking.caller)
    default:
      throw new RegistryError(
        'invalid',
        `Could not find the operation ${JSON.stringify(request.action.slice(0, 120))}; there are AssumeRole and GetCallerIdentity`,
        { awsCode: 'InvalidAction' },
      )
  }
}
