import { PYTHON_PEERS, type PypiPeerName } from '../../peers/pypi/peer.ts'
import type { Result } from '../../report.ts'
import type { Settings } from '../bench-case.ts'

/** `mirror` is that of Python's index. */
export type PypiSettings = Omit<Settings, 'peers'> & { readonly peers: readonly PypiPeerName[] }

export type PypiCase = (settings: PypiSettings) => Promise<readonly Result[]>

/** What a peer lacks, so that it has no part in a row. */
const LACKS = {
  json: { pypiserver: 'has pages in HTML only' },
  'not modified': { devpi: 'sends no ETag', proxpi: 'sends no ETag', pypiserver: 'sends no ETag' },
  metadata: { devpi: 'has no .metadata', pypiserver: 'has no .metadata' },
  proxying: { pypiserver: 'serves files from a folder, and proxies nothing' },
} as const satisfies Readonly<Record<string, Partial<Readonly<Record<PypiPeerName, string>>>>>

type Ability = keyof typeof LACKS

/** Who can do that, and lines about who cannot. */
export function divide<Named extends { readonly name: PypiPeerName }>(
  peers: readonly Named[],
  ability: Ability | undefined,
): { readonly able: readonly Named[]; readonly leftOut: readonly string[] } {
  const lacks: Partial<Readonly<Record<PypiPeerName, string>>> = ability === undefined ? {} : LACKS[ability]
  return {
    able: peers.filter(({ name }) => lacks[name] === undefined),
    leftOut: peers.flatMap(({ name }) => (lacks[name] === undefined ? [] : [`${name} (${lacks[name]})`])),
  }
}

/** Those that draw on the mirror; nginx has what it was given. */
export function divideProxies(names: readonly PypiPeerName[]) {
  const { able, leftOut } = divide(
    names.filter((name) => name !== 'nginx').map((name) => ({ name })),
    'proxying',
  )
  return { able: able.map(({ name }) => name), leftOut }
}

/** One round shows how far behind Python's peers are, and takes long enough. */
export const takesPart = ({ name }: { readonly name: string }, round: number): boolean =>
  round === 0 || !PYTHON_PEERS.some((peer) => peer === name)
