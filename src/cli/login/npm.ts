import path from 'node:path'
import { setIni } from '../ini.ts'
import { withoutScheme, type Place, type Registry, type Step, type Tool } from './setup.ts'

/** npm reads variables in any case. */
const variable = ({ env }: Place, wanted: string): string | undefined =>
  Object.entries(env).find(([name, value]) => name.toLowerCase() === wanted && value)?.[1]

const npmrc = (place: Place): string => variable(place, 'npm_config_userconfig') ?? path.join(place.home, '.npmrc')

/** Written here and not by `npm config set`, which fails in workspaces and shows the token to whoever lists processes. */
function editNpmrc(registry: Registry, file: string, more: Readonly<Record<string, string>> = {}): Step {
  const settings = {
    [registry.scope === null ? 'registry' : `${registry.scope}:registry`]: registry.endpoint.href,
    [`${withoutScheme(registry)}:_authToken`]: registry.token,
    ...more,
  }
  return {
    step: 'edit',
    file,
    write: (text) =>
      Object.entries(settings).reduce((before, [key, value]) => setIni(before, { section: null, key, value }), text),
  }
}

/** npm, and those that read its file: pnpm and bun. */
export const npm: Tool = {
  format: 'npm',
  takesScope: true,
  takesKeyring: false,
  plan: async (registry, place) => [editNpmrc(registry, npmrc(place))],
}

/** Yarn 1 reads npm's file; later ones have their own. */
export const yarn: Tool = {
  format: 'npm',
  takesScope: true,
  takesKeyring: false,
  async plan(registry, place) {
    const version = await place.output('yarn', ['--version'])
    if (version?.startsWith('1.') !== false) {
      const steps: Step[] = [editNpmrc(registry, npmrc(place), { [`${withoutScheme(registry)}:always-auth`]: 'true' })]
      if (version === null) steps.push({ step: 'tell', text: 'Yarn was not found; this is for Yarn 1.' })
      return steps
    }
    return planBerry(registry, place)
  },
}

/** By Yarn's own command: its file is YAML, with comments of its owner. */
async function planBerry(registry: Registry, { home, output }: Place): Promise<readonly Step[]> {
  const set = (...args: readonly string[]): Step => ({
    step: 'run',
    program: 'yarn',
    args: ['config', 'set', '--home', ...args],
  })
  const { endpoint, token, scope } = registry
  const server = endpoint.href.replace(/\/$/, '')
  const secret = `npmRegistries["${withoutScheme(registry).replace(/\/$/, '')}"]`
  const steps = [
    scope === null ? set('npmRegistryServer', server) : set(`npmScopes["${scope.slice(1)}"].npmRegistryServer`, server),
    set(`${secret}.npmAuthToken`, token),
    set(`${secret}.npmAlwaysAuth`, 'true'),
  ]
  // Yarn refuses plain http to hosts that it was not told of.
  if (endpoint.protocol === 'http:') {
    const known = parseList(await output('yarn', ['config', 'get', '--json', 'unsafeHttpWhitelist']))
    const hosts = [...new Set([...known, endpoint.hostname])]
    steps.push(set('--json', 'unsafeHttpWhitelist', JSON.stringify(hosts)))
  }
  const protect: Step = { step: 'protect', file: path.join(home, '.yarnrc.yml') }
  return [protect, ...steps, protect]
}

function parseList(text: string | null): readonly string[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(list) ? list.filter((one) => typeof one === 'string') : []
  } catch {
    return []
  }
}
