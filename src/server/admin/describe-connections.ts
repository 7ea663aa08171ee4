import { describeConnections } from '../../api/admin/connections.ts'
import type { Connection, Instant } from '../../registry/model.ts'
import type { OriginState, UpstreamHealth } from '../../registry/upstream-health.ts'
import { handler } from '../handler.ts'
import { timestamp } from './json-shapes.ts'
import { readConnection } from './read-connection.ts'

export const describeConnectionsHandler = handler(describeConnections, async ({ connection }, { parts }) => {
  const { store, upstreams } = parts
  const asked = connection === undefined ? await store.listConnections() : [await readConnection(store, connection)]
  const { host, pid, startedAt } = upstreams.process
  return {
    process: { host, pid, startedAt: timestamp(startedAt) },
    connections: asked.map((one) => healthJson(one, upstreams.healthOf(one))),
  }
})

const orNull = (at: Instant | null): string | null => (at === null ? null : timestamp(at))
const stateJson = ({ origin, state, since, until }: OriginState) => ({
  origin,
  state,
  since: orNull(since),
  until: orNull(until),
})

const healthJson = ({ name }: Connection, health: UpstreamHealth) => ({
  name,
  state: health.state,
  since: orNull(health.since),
  until: orNull(health.until),
  troubled: health.troubled.map(stateJson),
  lastSuccessAt: orNull(health.lastSuccessAt),
  lastFailure: health.lastFailure && { at: timestamp(health.lastFailure.at), reason: health.lastFailure.reason },
  latencyMs: health.latencyMs,
  requests: health.requests,
})
