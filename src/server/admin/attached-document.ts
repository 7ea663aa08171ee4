import { checkPolicyDocument } from '../../registry/authorize.ts'
import { RegistryError } from '../../registry/errors.ts'
import { POLICY_PRESETS } from '../../registry/policy-presets.ts'

/** The document that is to be attached to a user or a role, given whole or by the name of a preset, and checked. */
export function readAttachedDocument(input: {
  readonly document?: string | undefined
  readonly preset?: keyof typeof POLICY_PRESETS | undefined
}): string {
  if ((input.document === undefined) === (input.preset === undefined)) {
    throw new RegistryError('invalid', 'Give either a document or the name of a preset')
  }
  const document = input.preset === undefined ? (input.document ?? '') : POLICY_PRESETS[input.preset]
  checkPolicyDocument(document, 'identity')
  return document
}
