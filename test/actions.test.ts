import { describe, expect, it } from 'vitest'
import { allOperations } from '../src/api/index.ts'
import { ACTIONS } from '../src/policy/access/actions.ts'

// A policy that names an action that is not in the list is refused, so the list has to hold all that is ever asked for.

const asked = new Set(allOperations.flatMap(({ action }) => action ?? []))
const known = (service: keyof typeof ACTIONS) => ACTIONS[service].map((name) => `${service}:${name}`)

describe('the closed list of actions', () => {
  it('has every action that an operation asks for', () => {
    const all: readonly string[] = [...known('codeartifact'), ...known('granary')]
    expect([...asked].filter((action) => !all.includes(action))).toEqual([])
  })

  it('has no action of our own that no operation asks for', () => {
    expect(known('granary').filter((action) => !(asked as ReadonlySet<string>).has(action))).toEqual([])
  })

  it.each(Object.entries(ACTIONS))('names each action of %s once, in order', (_, names) => {
    const inOrder = [...new Set<string>(names)].toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
    expect(names).toEqual(inOrder)
  })
})
