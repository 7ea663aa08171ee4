import type { KnownCaller } from '../../registry/model.ts'
import { refuseOthers, type StsRequest } from './parameters.ts'
import type { Element } from './xml.ts'

/** Needs no permission: whoever signs a request may know who they are. */
export function getCallerIdentity(request: StsRequest, caller: KnownCaller): readonly Element[] {
  refuseOthers(request, [])
  return [
    ['Arn', caller.arn],
    ['UserId', caller.userId],
    ['Account', caller.account],
  ]
}
