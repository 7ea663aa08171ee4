import { randomBytes, randomInt } from 'node:crypto'

// Identifiers look like AWS's, so that tools which check their form accept them.

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
// Letters and digits only: nothing that a URL, an INI file, a shell or a double click would cut.
const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** 16 characters: 80 bits, so that none is ever minted twice. */
const unique = (prefix: string): string =>
  prefix + [...randomBytes(16)].map((byte) => BASE32[byte % BASE32.length]).join('')

/** Never used again, also when a user of the same name is made anew. */
export const mintUserId = (): string => unique('AIDA')
export const mintRoleId = (): string => unique('AROA')
export const mintAccessKeyId = (): string => unique('AKIA')
/** Of the credentials of a role session. */
export const mintSessionKeyId = (): string => unique('ASIA')
/** AWS's prefix of bearer tokens' ids. */
export const mintTokenId = (): string => unique('ABIA')
export const mintSigningKeyId = (): string => unique('APKA')

/** 40 characters: 238 bits. */
export const mintSecret = (): string => Array.from({ length: 40 }, () => BASE62[randomInt(BASE62.length)]).join('')

/** What the secret of an access key is sealed for. */
export const accessKeyContext = (id: string): string => `access-key/${id}`
export const signingKeyContext = (id: string): string => `signing-key/${id}`
