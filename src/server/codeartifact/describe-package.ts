import { describePackage } from '../../api/codeartifact/packages.ts'
import { handler } from '../handler.ts'
import { readHeldPackage } from './read-package.ts'
import { summarizePackage } from './wire-shapes.ts'

export const describePackageHandler = handler(
  describePackage,
  async (_input, { parts, target: { repository, name } }) => ({
    package: summarizePackage(await readHeldPackage(parts.store, repository, name)),
  }),
)
