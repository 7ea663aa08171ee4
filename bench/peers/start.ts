import type { Mirror } from '../../test/support/mirror/start.ts'
import { startGranary } from './granary.ts'
import { startNginx } from './nginx.ts'
import type { Peer, PeerName } from './peer.ts'
import { startVerdaccio } from './verdaccio.ts'

export type Peers = AsyncDisposable & { readonly all: readonly Peer[] }

export const startPeer = (name: PeerName, mirror: Mirror): Promise<Peer> => {
  switch (name) {
    case 'nginx':
      return startNginx(mirror.files)
    case 'granary':
      return startGranary(mirror.registry)
    case 'verdaccio':
      return startVerdaccio(mirror.registry)
  }
}

export const startPeers = (names: readonly PeerName[], mirror: Mirror): Promise<Peers> =>
  startAll(names, (name) => startPeer(name, mirror))

/** All at once, each with an empty store; those that are not being asked are idle. */
export async function startAll<Name, Started extends AsyncDisposable>(
  names: readonly Name[],
  start: (name: Name) => Promise<Started>,
): Promise<AsyncDisposable & { readonly all: readonly Started[] }> {
  const stack = new AsyncDisposableStack()
  try {
    const all: Started[] = []
    for (const name of names) all.push(stack.use(await start(name)))
    return { all, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
