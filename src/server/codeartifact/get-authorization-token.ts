import { getAuthorizationToken } from '../../api/codeartifact/tokens.ts'
import { MAX_TOKEN_SECONDS } from '../../auth/tokens.ts'
import { RegistryError } from '../../registry/errors.ts'
import { handler } from '../handler.ts'
import { readUser } from '../read-user.ts'
import { epochSeconds } from './wire-shapes.ts'

export const getAuthorizationTokenHandler = handler(
  getAuthorizationToken,
  async (input, { parts, caller, target: { view }, require }) => {
    if (caller.domain !== null) {
      throw new RegistryError('forbidden', 'A token cannot make tokens: sign the request with an access key')
    }
    // 0 means as long as the caller's own credentials last, and access keys do not expire.
    const durationSeconds = input.duration || MAX_TOKEN_SECONDS
    await require({
      action: 'sts:GetServiceBearerToken',
      resource: '*',
      owner: caller.account,
      domain: view.domain.name,
      context: { 'sts:AWSServiceName': 'codeartifact.amazonaws.com', 'sts:DurationSeconds': String(durationSeconds) },
    })
    const { token, expiresAt } = await parts.tokens.issue({
      user: await readUser(parts.store, caller.account, caller.userName),
      domain: view.domain.name,
      durationSeconds,
      credential: caller.credential,
    })
    return { authorizationToken: token, expiration: epochSeconds(expiresAt) }
  },
)
