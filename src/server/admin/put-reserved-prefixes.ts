import { putReservedPrefixes } from '../../api/admin/curation.ts'
import { planPutReservedPrefixes } from '../../registry/manage-domains.ts'
import { handler } from '../handler.ts'
import { parseWrittenPrefix } from '../package-names.ts'
import { reservedJson } from './reserved-json.ts'

export const putReservedPrefixesHandler = handler(
  putReservedPrefixes,
  async (input, { parts, target: { view }, manage }) => {
    const wanted = input.reserved.map(({ format, prefix }) => ({
      format,
      prefix: parseWrittenPrefix(parts.formats, format, prefix),
    }))
    const { reserved, changes } = planPutReservedPrefixes(manage, view, wanted)
    await parts.store.commit(changes)
    return { reserved: reserved.map(reservedJson) }
  },
)
