import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publicConnections } from '../../../src/upstream/public-registries.ts'
import type { ClientHome } from './home.ts'
import { run } from './run.ts'

const inherited = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || /^(npm_|VITEST|GRANARY_)/.test(name) ? [] : [[name, value]],
  ),
)

/** A setting of the npm that the person who runs the tests uses. */
async function readNpmSetting(name: string): Promise<string | null> {
  const { code, stdout, stderr } = await run('npm', ['config', 'get', name], { cwd: '/', env: inherited })
  if (code !== 0) throw new Error(`npm config get ${name} ended with ${code}: ${stderr}`)
  return stdout.trim() === 'null' ? null : stdout.trim()
}

/** The registry that npm is set to use on this machine, with its slash. */
export async function readMachineRegistry(): Promise<string> {
  const registry = (await readNpmSetting('registry')) ?? ''
  return registry.endsWith('/') ? registry : `${registry}/`
}

/** The index that Python's clients would use on this machine, with its slash: the public one where nothing else is set. */
export function readMachineIndex(): string {
  const index = process.env.PIP_INDEX_URL ?? publicConnections().find(({ name }) => name === 'public:pypi')?.url ?? ''
  return index.endsWith('/') ? index : `${index}/`
}

const PROXIES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

/**
 * The environment of a client in `home` that asks `registry` itself, as before there was a Granary: through the proxies of the
 * machine, where it has any.
 */
export async function onTheOpenNetwork(home: ClientHome, registry: string): Promise<Record<string, string>> {
  const authorities = (await readNpmSetting('cafile')) ?? process.env.NODE_EXTRA_CA_CERTS
  await mkdir(home.folder, { recursive: true })
  const npmrc = [`registry=${registry}`, ...(authorities ? [`cafile=${authorities}`] : [])]
  await writeFile(join(home.folder, '.npmrc'), `${npmrc.join('\n')}\n`)
  const yarnrc = [`npmRegistryServer: "${registry}"`, ...(authorities ? [`httpsCaFilePath: "${authorities}"`] : [])]
  await writeFile(join(home.folder, '.yarnrc.yml'), `${yarnrc.join('\n')}\n`)
  const env = Object.entries(home.env).filter(([name]) => !PROXIES.includes(name))
  const proxies = PROXIES.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries([...env, ...proxies]),
    // Deno and Bun bring authorities of their own and ask the machine's only when told.
    DENO_TLS_CA_STORE: 'system,mozilla',
    ...(authorities && { NODE_EXTRA_CA_CERTS: authorities, SSL_CERT_FILE: authorities }),
  }
}
