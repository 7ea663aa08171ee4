import { describe, expect, it } from 'vitest'
import { readParameters, refuseOthers } from './parameters.ts'

const FORM = 'application/x-www-form-urlencoded'
const read = (body: string | Uint8Array, more: { contentType?: string; rawQuery?: string } = {}) =>
  readParameters({
    contentType: FORM,
    rawQuery: '',
    ...more,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  })

describe('parameters', () => {
  it('are an action and what belongs to it', () => {
    expect(read('Action=AssumeRole&Version=2011-06-15&RoleSessionName=a%2Bb&Policy=%7B+%7D&X=')).toEqual({
      action: 'AssumeRole',
      parameters: { RoleSessionName: 'a+b', Policy: '{ }', X: '' },
    })
  })

  it.each([FORM, `${FORM}; charset=utf-8`, `${FORM};charset="UTF-8"`, FORM.toUpperCase()])(
    'come as %s',
    (contentType) => {
      expect(read('Action=A&Version=2011-06-15', { contentType }).action).toBe('A')
    },
  )

  it.each<[string, string | Uint8Array, { contentType?: string; rawQuery?: string }, string | undefined, RegExp]>([
    ['a query', 'Action=A&Version=2011-06-15', { rawQuery: 'Action=B' }, undefined, /belong into the body/],
    ['JSON', '{}', { contentType: 'application/json' }, undefined, /must be application\/x-www-form-urlencoded/],
    ['another charset', 'Action=A', { contentType: `${FORM}; charset=latin1` }, undefined, /UTF-8/],
    ['no content type', 'Action=A', { contentType: '' }, undefined, /UTF-8/],
    ['bytes that are no UTF-8', Uint8Array.of(0x41, 0xff), {}, undefined, /not UTF-8/],
    ['the action twice', 'Action=A&Version=2011-06-15&Action=B', {}, undefined, /"Action" is given more than once/],
    ['the same twice', 'Action=A&Version=2011-06-15&X=1&X=1', {}, undefined, /"X" is given more than once/],
    ['the same twice, encoded', 'Action=A&%41ction=A&Version=2011-06-15', {}, undefined, /"Action" is given more/],
    ['no action', 'Version=2011-06-15', {}, 'MissingAction', /Action is missing/],
    ['an empty action', 'Action=&Version=2011-06-15', {}, 'MissingAction', /Action is missing/],
    ['the action in other case', 'action=A&Version=2011-06-15', {}, 'MissingAction', /Action is missing/],
    ['no version', 'Action=A', {}, 'InvalidAction', /without a Version/],
    ['another version', 'Action=A&Version=2012-10-17', {}, 'InvalidAction', /of version "2012-10-17"/],
    ['nothing', '', {}, 'MissingAction', /Action is missing/],
  ])('are refused with %s', (_, body, more, awsCode, message) => {
    expect(() => read(body, more)).toThrow(
      expect.objectContaining({
        code: 'invalid',
        message: expect.stringMatching(message),
        details: awsCode === undefined ? {} : { awsCode },
      }),
    )
  })

  it.each([
    ['RoleArn', undefined],
    ['roleArn', /"roleArn" is not a parameter of AssumeRole/],
    ['__proto__', /"__proto__" is not a parameter/],
    ['constructor', /"constructor" is not a parameter/],
    ['Tags.member.1.Key', /"Tags.member.1.Key" is not supported: sessions have no tags/],
    ['PolicyArns.member.1.arn', /no managed policies/],
    ['SourceIdentity', /no source identity/],
    ['TokenCode', /multi-factor/],
  ])('that are none of the action are refused: %s', (name, message) => {
    const request = read(`Action=AssumeRole&Version=2011-06-15&${name}=x`)
    if (message === undefined) expect(() => refuseOthers(request, ['RoleArn'])).not.toThrow()
    else expect(() => refuseOthers(request, ['RoleArn'])).toThrow(message)
  })

  it('may be empty lists of what is not supported', () => {
    const request = read('Action=AssumeRole&Version=2011-06-15&PolicyArns=&Tags=')
    expect(() => refuseOthers(request, [])).not.toThrow()
  })
})
