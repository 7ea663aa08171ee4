import type { Trust } from '../../auth/roles.ts'
import { checkPolicyDocument } from '../../registry/authorize.ts'
import { pinPrincipals } from '../../registry/pin-principals.ts'
import type { ManagementParts } from '../handler.ts'

/** A trust policy as it is stored: checked, and with whom its principals mean now. */
export async function readTrust({ store }: Pick<ManagementParts, 'store'>, document: string): Promise<Trust> {
  checkPolicyDocument(document, 'trust')
  return { trust: document, trusted: await pinPrincipals(store, document, 'trust') }
}
