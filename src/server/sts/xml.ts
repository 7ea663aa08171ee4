/** An element: its name, and its text or the elements in it. */
export type Element = readonly [name: string, content: string | number | readonly Element[]]

const XMLNS = 'https://sts.amazonaws.com/doc/2011-06-15/'

/** A document of STS, whose root bears its namespace. */
export const document = (name: string, content: readonly Element[]): string =>
  `<${name} xmlns="${XMLNS}">${content.map(write).join('')}</${name}>`

const write = ([name, content]: Element): string =>
  `<${name}>${typeof content === 'object' ? content.map(write).join('') : escape(String(content))}</${name}>`

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** XML 1.0 has no way to write most control characters: these become U+FFFD, as what is no character at all does. */
const escape = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    // A parser reads a bare carriage return as a line feed.
    .replaceAll('\r', '&#13;')
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
