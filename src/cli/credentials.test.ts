import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findCredentials, type CredentialOptions } from './credentials.ts'
import type { Environment } from './environment.ts'
import { EXIT } from './failure.ts'

const HERE = 'http://127.0.0.1:8787/'
const ELSEWHERE = 'https://granary.example/'
const GRANARY_KEY = { GRANARY_ACCESS_KEY_ID: 'GRANARY', GRANARY_SECRET_ACCESS_KEY: 'secret' }
const AWS_KEY = { AWS_ACCESS_KEY_ID: 'AWS', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'session' }

const profile = (name: string, id: string) => `[${name}]\naws_access_key_id = ${id}\naws_secret_access_key = secret\n`

describe('credentials', () => {
  let home = ''
  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'granary-credentials-'))
    await mkdir(path.join(home, '.aws'))
    await mkdir(path.join(home, 'data'))
    await writeFile(path.join(home, '.aws/credentials'), profile('default', 'SHARED') + profile('work', 'WORK'))
    await writeFile(path.join(home, '.aws/config'), profile('profile old', 'OLD'))
    await writeFile(path.join(home, 'data/credentials'), profile('default', 'SERVER'))
    await writeFile(path.join(home, 'secret'), 'from-a-file\n')
  })
  afterEach(() => rm(home, { recursive: true }))

  const find = (options: Partial<CredentialOptions>, env: Environment) =>
    findCredentials({ url: HERE, ...options }, { HOME: home, GRANARY_DATA: path.join(home, 'data'), ...env })
  const flags = () => ({ accessKeyId: 'FLAG', secretAccessKeyFile: path.join(home, 'secret') })

  it.each<[string, Partial<CredentialOptions>, Environment, string]>([
    ['a profile that is named', { profile: 'work' }, { ...GRANARY_KEY, ...AWS_KEY }, 'WORK'],
    ['a profile of the config file', { profile: 'old' }, {}, 'OLD'],
    ["Granary's variables", {}, { ...GRANARY_KEY, ...AWS_KEY }, 'GRANARY'],
    ['the file of a server on this machine', {}, AWS_KEY, 'SERVER'],
    ["AWS's variables for a server elsewhere", { url: ELSEWHERE }, AWS_KEY, 'AWS'],
    ['the shared file', { url: ELSEWHERE }, {}, 'SHARED'],
    ['the profile that AWS_PROFILE names', { url: ELSEWHERE }, { AWS_PROFILE: 'work' }, 'WORK'],
  ])('come from %s', async (_, options, env, accessKeyId) => {
    expect(await find(options, env)).toMatchObject({ kind: 'access-key', accessKeyId })
  })

  it('come from flags before all else', async () => {
    expect(await find(flags(), GRANARY_KEY)).toEqual({
      kind: 'access-key',
      accessKeyId: 'FLAG',
      secretAccessKey: 'from-a-file',
      sessionToken: null,
    })
  })

  it('may be a token', async () => {
    expect(await find({}, { GRANARY_TOKEN: 'eyJ', ...AWS_KEY })).toEqual({ kind: 'token', token: 'eyJ' })
  })

  it("of AWS's variables have their session token, and Granary's do not take it", async () => {
    expect(await find({ url: ELSEWHERE }, AWS_KEY)).toMatchObject({ sessionToken: 'session' })
    expect(await find({}, { ...AWS_KEY, ...GRANARY_KEY })).toMatchObject({ sessionToken: null })
  })

  it("of Granary's variables have theirs", async () => {
    const session = { ...GRANARY_KEY, GRANARY_SESSION_TOKEN: 'own' }
    expect(await find({}, { ...AWS_KEY, ...session })).toMatchObject({ accessKeyId: 'GRANARY', sessionToken: 'own' })
    expect(await find({ url: ELSEWHERE }, { ...AWS_KEY, GRANARY_SESSION_TOKEN: 'own' })).toMatchObject({
      accessKeyId: 'AWS',
      sessionToken: 'session',
    })
  })

  it.each([
    ['with one', 'aws_session_token = of-profile', 'of-profile'],
    ['with an empty one', 'aws_session_token =', null],
    ['without one', '', null],
  ])('of a profile %s', async (_, line, sessionToken) => {
    await writeFile(path.join(home, '.aws/credentials'), `${profile('temporary', 'ASIA')}${line}\n`)
    expect(await find({ profile: 'temporary' }, AWS_KEY)).toMatchObject({ accessKeyId: 'ASIA', sessionToken })
  })

  it('have no session token where its variable is empty', async () => {
    const found = await find({ url: ELSEWHERE }, { ...AWS_KEY, AWS_SESSION_TOKEN: '' })
    expect(found).toMatchObject({ sessionToken: null })
  })

  it.each<[string, Partial<CredentialOptions>, Environment, number]>([
    ['an id without its secret', {}, { GRANARY_ACCESS_KEY_ID: 'X' }, EXIT.usage],
    ['a flag without the other', { accessKeyId: 'X' }, {}, EXIT.usage],
    ['a file that is not there', { accessKeyId: 'X', secretAccessKeyFile: '/nonexistent' }, {}, EXIT.usage],
    ['a profile that is not there', { profile: 'none' }, GRANARY_KEY, EXIT.refused],
    ['nothing at all', { url: ELSEWHERE }, { HOME: '/nonexistent' }, EXIT.refused],
  ])('are refused with %s', async (_, options, env, exitCode) => {
    await expect(find(options, env)).rejects.toMatchObject({ exitCode })
  })
})
