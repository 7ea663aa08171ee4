import type { ReservedPrefix } from '../../registry/model.ts'

/** A prefix of keys as people write it: npm's scopes with their @. What it says here can be put back as it is. */
export const reservedJson = ({ format, prefix }: ReservedPrefix): ReservedPrefix => ({
  format,
  prefix: format === 'npm' && prefix.includes('/') ? `@${prefix}` : prefix,
})
