import { afterEach } from 'vitest'
import { operations } from '../../src/api/index.ts'
import type { GivenInput } from '../../src/api/operation.ts'
import type { TestRegistry } from './server.ts'

type Rule = GivenInput<typeof operations.createRule.input>['rule']

export type RulesOfTests = {
  /** In the domain `local`; gives back its id. */
  add(rule: Rule, repository?: string): Promise<string>
  /** Takes away the one that was made last. */
  drop(): Promise<void>
}

/** For a registry that all tests of a file share: rules end with the test that made them. */
export function rulesIn(registry: () => TestRegistry): RulesOfTests {
  const made: string[] = []
  const drop = async () => {
    const rule = made.pop()
    if (rule !== undefined) await registry().admin.client.call(operations.deleteRule, { domain: 'local', rule })
  }
  afterEach(async () => {
    while (made.length > 0) await drop()
  })
  return {
    async add(rule, repository) {
      const { id } = await registry().admin.client.call(operations.createRule, { domain: 'local', repository, rule })
      made.push(id)
      return id
    },
    drop,
  }
}
