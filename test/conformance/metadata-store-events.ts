import { describe, expect, it } from 'vitest'
import type { AccountId } from '../../src/registry/names.ts'
import type { StoreUnderTest } from './metadata-store.ts'
import { ACCOUNT, announce, eventOf, ODD_NAMES, expectRefused } from './metadata-store-things.ts'

export function eventsSuite(under: StoreUnderTest): void {
  describe('events', () => {
    const all = async () => (await under.store.listEvents({ limit: 1_000 })).items

    it('come back as they were announced, numbered along their subject', async () => {
      const detail = JSON.parse(`{"__proto__":{"x":1},"list":[1,null],"text":${JSON.stringify(ODD_NAMES.join())}}`)
      await under.store.commit([
        announce('e1', { subject: '__proto__', detail }),
        announce('e2'),
        announce('e3', { subject: '__proto__' }),
      ])
      expect(await all()).toEqual([
        { ...eventOf('e1', { subject: '__proto__', detail }), sequence: 1, state: 'pending' },
        { ...eventOf('e2'), sequence: 1, state: 'pending' },
        { ...eventOf('e3', { subject: '__proto__' }), sequence: 2, state: 'pending' },
      ])
    })

    it('are listed in pages, of all accounts or one', async () => {
      const other = '444455556666' as AccountId
      await under.store.commit([
        announce('a'),
        announce('b', { account: other }),
        announce('c', { account: null }),
        announce('d'),
      ])
      const first = await under.store.listEvents({ limit: 3 })
      expect(first.items.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
      const second = await under.store.listEvents({ limit: 3, after: first.next! })
      expect([second.items.map(({ id }) => id), second.next]).toEqual([['d'], null])
      expect((await under.store.listEvents({ account: ACCOUNT, limit: 3 })).items.map(({ id }) => id)).toEqual([
        'a',
        'd',
      ])
      await expectRefused(under.store.listEvents({ limit: 3, after: "1' OR 1" }), 'invalid')
    })

    it('of one subject are looked back on', async () => {
      const { store } = under
      const subject = 'package/local/main/npm/hello'
      for (let time = 1; time <= 6; time++)
        await store.commit([announce(`s${time}`, { subject, time }), announce(`o${time}`, { time })])
      const look = async (of: Omit<Parameters<typeof store.listEventsOfSubject>[0], 'subject'>) =>
        (await store.listEventsOfSubject({ subject, ...of })).map(({ id }) => id)
      expect(await look({ since: 0, limit: 3 })).toEqual(['s6', 's5', 's4'])
      expect(await look({ since: 0, limit: 3, before: 4 })).toEqual(['s3', 's2', 's1'])
      expect(await look({ since: 5, limit: 3 })).toEqual(['s6', 's5'])
      expect(await look({ since: 7, limit: 3 })).toEqual([])
      expect(await store.listEventsOfSubject({ subject, since: 6, limit: 1 })).toEqual([
        { ...eventOf('s6', { subject, time: 6 }), sequence: 6, state: 'pending' },
      ])
    })

    it('are numbered without gaps or doubles under concurrency, and no reader misses one', async () => {
      const { store, again } = under
      const second = (await again?.()) ?? store
      const seen: string[] = []
      let position: string | undefined
      const follow = async () => {
        const page = await store.listEvents({ limit: 5, ...(position !== undefined && { after: position }) })
        if (page.next === null) return
        position = page.next
        seen.push(...page.items.map(({ id }) => id))
      }
      let following = Promise.resolve()
      const commits = Array.from({ length: 60 }, async (_, index) => {
        const changes = [
          announce(`s${index}`, { subject: `of-${index % 3}` }),
          announce(`t${index}`, { subject: `of-${(index + 1) % 3}` }),
        ]
        // Every fifth is expectRefused, and its numbers are given to others.
        if (index % 5 === 0)
          await expectRefused(
            (index % 2 ? store : second).commit([...changes, { change: 'retire-signing-key', id: 'none', at: 1 }]),
            'not_found',
          )
        await (index % 2 ? store : second).commit(changes, { isReplaceable: index % 3 === 0 })
        following = following.then(follow)
      })
      await Promise.all(commits)
      await following
      expect(seen.length).toBeGreaterThan(60)
      const events = await all()
      expect(events).toHaveLength(120)
      expect(seen).toEqual(events.slice(0, seen.length).map(({ id }) => id))
      for (const subject of ['of-0', 'of-1', 'of-2']) {
        const numbers = events.filter((event) => event.subject === subject).map(({ sequence }) => sequence)
        expect(numbers).toEqual(numbers.map((_, index) => index + 1))
      }
      if (second !== store) await second[Symbol.asyncDispose]()
    })
  })
}
