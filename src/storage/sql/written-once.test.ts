import { describe, expect, it } from 'vitest'
import { queriesFor } from './queries.ts'
import { writtenOnce } from './written-once.ts'

type Asked = { readonly domain: string; readonly repositories: readonly string[]; readonly after: string | null }

const counting = () => {
  let count = 0
  const write = writtenOnce((queries, { domain, repositories, after }: Asked) => {
    count += 1
    return queries
      .selectFrom('tags')
      .select('tag')
      .where('domain', '=', domain as never)
      .where('repository', 'in', repositories as never)
      .where('tag', '>', after as never)
      .where('domain', '<>', domain as never)
  })
  return { write, count: () => count }
}

describe('a query that is written once', () => {
  it.each(['sqlite', 'postgres'] as const)('is the one that kysely writes each time, on %s', (dialect) => {
    const queries = queriesFor(dialect)
    const { write } = counting()
    for (const repositories of [['a'], ['b', 'c'], ['d', 'e']]) {
      const each = queries
        .selectFrom('tags')
        .select('tag')
        .where('domain', '=', 'd' as never)
        .where('repository', 'in', repositories as never)
        .where('tag', '>', 'x')
        .where('domain', '<>', 'd' as never)
        .compile()
      const { sql, parameters } = write(queries, { domain: 'd', repositories, after: 'x' })
      expect({ sql, parameters }).toEqual({ sql: each.sql, parameters: each.parameters })
    }
  })

  it('is written anew only for lists of another length, and for another database', () => {
    const queries = queriesFor('sqlite')
    const { write, count } = counting()
    const ask = (...repositories: string[]) => write(queries, { domain: 'd', repositories, after: null })
    expect(ask('a').parameters).toEqual(['d', 'a', null, 'd'])
    expect(ask('b').parameters).toEqual(['d', 'b', null, 'd'])
    expect(count()).toBe(1)
    expect(ask('a', 'b').parameters).toEqual(['d', 'a', 'b', null, 'd'])
    ask('c', 'd')
    expect(count()).toBe(2)
    write(queriesFor('postgres'), { domain: 'd', repositories: ['a'], after: null })
    expect(count()).toBe(3)
  })
})
