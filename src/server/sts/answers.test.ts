import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../registry/errors.ts'
import { stsAnswer, stsError } from './answers.ts'

describe('an answer', () => {
  it('is named after its action and has the id of its request', () => {
    expect(stsAnswer('GetCallerIdentity', [['Arn', 'arn:x']], 'id-1')).toEqual({
      status: 200,
      headers: { 'content-type': 'text/xml', 'cache-control': 'no-store' },
      body:
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' +
        '<GetCallerIdentityResult><Arn>arn:x</Arn></GetCallerIdentityResult>' +
        '<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>',
    })
  })
})

describe('an error', () => {
  it.each<[RegistryError, number, string, 'Sender' | 'Receiver']>([
    [new RegistryError('invalid', 'why'), 400, 'ValidationError', 'Sender'],
    [new RegistryError('invalid', 'why', { awsCode: 'InvalidAction' }), 400, 'InvalidAction', 'Sender'],
    [new RegistryError('unauthenticated', 'why'), 403, 'InvalidClientTokenId', 'Sender'],
    [new RegistryError('unauthenticated', 'why', { awsCode: 'ExpiredToken' }), 403, 'ExpiredToken', 'Sender'],
    [new RegistryError('forbidden', 'why'), 403, 'AccessDenied', 'Sender'],
    [new RegistryError('too_large', 'why'), 413, 'RequestEntityTooLarge', 'Sender'],
    [new RegistryError('throttled', 'why', { awsCode: 'ThrottlingException' }), 429, 'Throttling', 'Sender'],
    [new RegistryError('busy', 'why'), 503, 'ServiceUnavailable', 'Receiver'],
  ])('%s', (error, status, code, type) => {
    const answer = stsError(error, 'id-1')
    expect(answer.status).toBe(status)
    expect(answer.body).toBe(
      `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>${type}</Type><Code>${code}</Code>` +
        '<Message>why</Message></Error><RequestId>id-1</RequestId></ErrorResponse>',
    )
  })

  it('says when to try again', () => {
    const { headers } = stsError(new RegistryError('throttled', 'why', { retryAfter: 2.1 }), 'id-1')
    expect(headers).toMatchObject({ 'retry-after': '3' })
  })

  it('that is a bug tells nothing', () => {
    const { status, body } = stsError(new Error('the secret'), 'id-1')
    expect(status).toBe(500)
    expect(body).toContain('<Code>InternalFailure</Code>')
    expect(body).not.toContain('secret')
  })
})
