import { getReservedPrefixes } from '../../api/admin/curation.ts'
import { handler } from '../handler.ts'
import { reservedJson } from './reserved-json.ts'

export const getReservedPrefixesHandler = handler(getReservedPrefixes, async (_input, { target: { view } }) => ({
  reserved: view.domain.reserved.map(reservedJson),
}))
