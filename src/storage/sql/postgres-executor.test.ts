import { DatabaseError } from 'pg'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../registry/errors.ts'
import { translate } from './postgres-executor.ts'

function databaseError(code: string): DatabaseError {
  const error = new DatabaseError('said by PostgreSQL', 0, 'error')
  error.code = code
  return error
}

describe('what PostgreSQL says', () => {
  it.each([
    ['53100', 'disk_full', 'disk_full'],
    ['53200', 'out_of_memory', 'busy'],
    ['53300', 'too_many_connections', 'busy'],
    ['57P01', 'admin_shutdown', 'busy'],
    ['57P03', 'cannot_connect_now', 'busy'],
    ['57014', 'query_canceled, by statement_timeout', 'busy'],
    ['55P03', 'lock_not_available', 'busy'],
    ['40P01', 'deadlock_detected, after all attempts', 'busy'],
    ['08006', 'connection_failure', 'busy'],
  ])('%s (%s) becomes %s', (state, _, code) => {
    const cause = databaseError(state)
    expect(translate(cause)).toMatchObject({ name: 'RegistryError', code, cause })
  })

  it.each(['23505', '42601', '28P01', '3D000', '58030'])('%s comes as it is', (state) => {
    const error = databaseError(state)
    expect(translate(error)).toBe(error)
  })

  it.each([
    ['a connection that broke', new Error('Connection terminated unexpectedly')],
    ['a connection that was refused', Object.assign(new Error('connect ECONNREFUSED'), { syscall: 'connect' })],
    ['all of several addresses', new AggregateError([])],
  ])('%s is busy', (_, error) => {
    expect(translate(error)).toMatchObject({ name: 'RegistryError', code: 'busy' })
  })

  it.each([new TypeError('a bug'), new RegistryError('conflict', 'a refusal')])('%s comes as it is', (error) => {
    expect(translate(error)).toBe(error)
  })
})
