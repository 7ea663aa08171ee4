import type { Mirror } from '../../../test/support/mirror/start.ts'
import { startAll } from '../start.ts'
import { startDevpi } from './devpi.ts'
import { startGranary } from './granary.ts'
import { startNginx } from './nginx.ts'
import type { PypiPeer, PypiPeerName } from './peer.ts'
import { startProxpi } from './proxpi.ts'
import { startPypiserver } from './pypiserver.ts'

export type PypiPeers = AsyncDisposable & { readonly all: readonly PypiPeer[] }

export const startPypiPeer = (name: PypiPeerName, { registry }: Mirror): Promise<PypiPeer> => {
  switch (name) {
    case 'nginx':
      return startNginx()
    case 'granary':
      return startGranary(registry)
    case 'devpi':
      return startDevpi(registry)
    case 'proxpi':
      return startProxpi(registry)
    case 'pypiserver':
      return startPypiserver()
  }
}

export const startPypiPeers = (names: readonly PypiPeerName[], mirror: Mirror): Promise<PypiPeers> =>
  startAll(names, (name) => startPypiPeer(name, mirror))
