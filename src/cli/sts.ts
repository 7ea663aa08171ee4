import { STS_VERSION } from '../api/sts/assume-role.ts'
import { EXIT, exitCodeOf, Failure } from './failure.ts'
import { send, type Asking } from './send.ts'

export type AssumeRole = {
  readonly roleArn: string
  readonly sessionName: string
  readonly durationSeconds?: number | undefined
  /** A policy document that the session's rights are cut down to. */
  readonly policy?: string | undefined
  readonly externalId?: string | undefined
}

export type RoleCredentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
  /** RFC 3339, in UTC. */
  readonly expiration: string
  /** Of the session. */
  readonly arn: string
}

/** STS speaks the Query protocol: a form to the root, and XML back. */
export async function assumeRole(url: string, wish: AssumeRole, asking: Asking): Promise<RoleCredentials> {
  const form = new URLSearchParams({
    Action: 'AssumeRole',
    Version: STS_VERSION,
    RoleArn: wish.roleArn,
    RoleSessionName: wish.sessionName,
    ...(wish.durationSeconds !== undefined && { DurationSeconds: String(wish.durationSeconds) }),
    ...(wish.policy !== undefined && { Policy: wish.policy }),
    ...(wish.externalId !== undefined && { ExternalId: wish.externalId }),
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  const response = await send(`${url}/`, { method: 'POST', headers, body: form.toString() }, 'sts', asking)
  const text = await response.text()
  if (!response.ok) {
    const message = findText(text, 'Message') ?? `The server answered ${response.status}`
    throw new Failure(exitCodeOf(response.status), message)
  }
  return {
    accessKeyId: readText(text, 'AccessKeyId'),
    secretAccessKey: readText(text, 'SecretAccessKey'),
    sessionToken: readText(text, 'SessionToken'),
    expiration: readText(text, 'Expiration'),
    arn: readText(text, 'Arn'),
  }
}

function readText(xml: string, element: string): string {
  const text = findText(xml, element)
  if (text !== undefined) return text
  throw new Failure(EXIT.failed, 'The server answered with something that is no answer of STS: is it a Granary server?')
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#13': '\r' }

/** Elements of these answers have names of their own and hold plain text: that is all there is to read. */
function findText(xml: string, element: string): string | undefined {
  const [, text] = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml) ?? []
  return text?.replace(/&(amp|lt|gt|quot|apos|#13);/g, (_, name: string) => ENTITIES[name] ?? '')
}
