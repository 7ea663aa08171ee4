import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClientHome } from './clients/home.ts'
import { requireClient } from './clients/require-client.ts'
import type { TestKey } from './management-server.ts'

type Refused = { readonly code: string; readonly message: string }
type Answered = { readonly ok: Record<string, unknown> } | { readonly refused: Refused }

/** `aws codeartifact …` of one caller against one server: the answer's JSON, or the name of the error and its message. */
export async function awsCodeArtifact(
  context: { readonly skip: (note: string) => never },
  server: { readonly url: string },
) {
  const aws = await requireClient(context, 'aws')
  return async (home: ClientHome, key: TestKey, ...args: readonly string[]): Promise<Answered> => {
    await mkdir(join(home.folder, '.aws'), { recursive: true })
    // Version 1 of the CLI prints timestamps as they came, version 2 in this form.
    await writeFile(join(home.folder, '.aws', 'config'), '[default]\ncli_timestamp_format = iso8601\n')
    const env = {
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_MAX_ATTEMPTS: '1',
    }
    const options = ['--endpoint-url', server.url, '--output', 'json']
    const { code, stdout, stderr } = await aws(home, ['codeartifact', ...args, ...options], { env })
    if (code === 0) return { ok: JSON.parse(stdout || '{}') as Record<string, unknown> }
    const [, name, message] =
      /An error occurred \((\w+)\) when calling the \w+ operation(?:[^:]*): (.*)/s.exec(stderr) ?? []
    if (name === undefined) throw new Error(`aws codeartifact ${args.join(' ')} ended with ${code}: ${stderr}`)
    return { refused: { code: name, message: (message ?? '').trim() } }
  }
}
