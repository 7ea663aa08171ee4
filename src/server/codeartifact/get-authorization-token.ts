import { getAuthorizationToken } from '../../api/codeartifact/tokens.ts'
import { tokenSeconds } from '../../auth/tokens.ts'
import { RegistryError } from '../../registry/errors.ts'
import { handler } from '../handler.ts'
import { epochSeconds } from './wire-shapes.ts'

export const getAuthorizationTokenHandler = handler(
  getAuthorizationToken,
  async (input, { parts, caller, target: { view }, require }) => {
    if (caller.domain !== null) {
      throw new RegistryError('forbidden', 'A token cannot make tokens: sign the request with an access key')
    }
    const durationSeconds = tokenSeconds(caller, input.duration, parts.clock.now())
    await require({
      action: 'sts:GetServiceBearerToken',
      resource: '*',
      owner: caller.account,
      domain: view.domain.name,
      identityPoliciesOnly: true,
      context: { 'sts:AWSServiceName': 'codeartifact.amazonaws.com', 'sts:DurationSeconds': String(durationSeconds) },
    })
    const { token, expiresAt } = await parts.tokens.issue({
      caller,
      domain: view.domain.name,
      ...(input.duration !== undefined && { durationSeconds: input.duration }),
    })
    return { authorizationToken: token, expiration: epochSeconds(expiresAt) }
  },
)
