import type { PackageKey } from '../../registry/names.ts'
import type { Answer, RequestContext } from '../format.ts'
import { contentTypeOf, negotiate } from './negotiate.ts'

type Layout = {
  readonly opening: string
  readonly line: (name: PackageKey) => string
  readonly between: string
  readonly closing: string
}

/** All projects that this repository has, sent while they are read: nobody holds the whole list. */
export function serveProjectList({ headers, query, registry, scope, endpoint }: RequestContext): Answer {
  const form = negotiate(headers.accept, query.get('format'))
  const names = registry.listNames(scope, 'pypi')
  return {
    kind: 'stream',
    pieces: lay(names, form === 'json' ? JSON_LAYOUT : htmlLayout(endpoint)),
    headers: { 'content-type': contentTypeOf(form), 'cache-control': 'private, no-cache' },
  }
}

const JSON_LAYOUT: Layout = {
  opening: '{"meta":{"api-version":"1.4"},"projects":[',
  line: (name) => JSON.stringify({ name }),
  between: ',\n',
  closing: ']}\n',
}

// Normalised names need no escaping.
const htmlLayout = (endpoint: string): Layout => ({
  opening: [
    '<!DOCTYPE html>',
    '<html>',
    '  <head>',
    '    <meta name="pypi:repository-version" content="1.4">',
    '    <title>Simple index</title>',
    '  </head>',
    '  <body>',
    '',
  ].join('\n'),
  line: (name) => `<a href="${endpoint}simple/${name}/">${name}</a><br />`,
  between: '\n',
  closing: '\n  </body>\n</html>\n',
})

async function* lay(
  pages: AsyncIterable<readonly PackageKey[]>,
  { opening, line, between, closing }: Layout,
): AsyncGenerator<string> {
  let before = opening
  for await (const names of pages) {
    if (names.length === 0) continue
    yield before + names.map(line).join(between)
    before = between
  }
  yield before === opening ? opening + closing : closing
}
