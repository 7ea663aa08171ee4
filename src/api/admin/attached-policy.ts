import { z } from 'zod'
import { identityName } from '../shapes.ts'

/** A policy of a user or of a role. */
export const attachedPolicy = z.object({
  name: identityName,
  document: z.string().describe('The policy document as it was attached: JSON text.'),
})

export const EXAMPLE_DOCUMENT =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codeartifact:ReadFromRepository","Resource":"*"}]}'
