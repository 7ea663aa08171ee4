const MAX_NOTICE = 200

/** Text as an `npm-notice` header can carry it: one line of printable Latin-1, 200 characters at most. */
export function noticeText(text: string): string {
  const line = text
    .replace(/\s+/g, ' ')
    .replace(/[^\x20-\x7e\xa0-\xff]/gu, '?')
    .trim()
  return line.length <= MAX_NOTICE ? line : `${line.slice(0, MAX_NOTICE - 3)}...`
}
