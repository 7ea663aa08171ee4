import type { NameSerial } from '../../registry/serials.ts'
import type { Answer, RequestContext } from '../format.ts'
import { isMirror } from './mirror.ts'
import { contentTypeOf, negotiate } from './negotiate.ts'

/** Without a serial where nobody compares it. */
type Project = Omit<NameSerial, 'serial'> & { readonly serial?: number }

type Layout = {
  readonly opening: string
  readonly line: (project: Project) => string
  readonly between: string
  readonly closing: string
}

/** All projects that this repository has, sent while they are read: nobody holds the whole list. */
export function serveProjectList({ headers, query, registry, scope, endpoint }: RequestContext): Answer {
  const form = negotiate(headers.accept, query.get('format'))
  const projects = isMirror(headers) ? registry.listSerials(scope, 'pypi') : named(registry.listNames(scope, 'pypi'))
  return {
    kind: 'stream',
    pieces: lay(projects, form === 'json' ? JSON_LAYOUT : htmlLayout(endpoint)),
    headers: { 'content-type': contentTypeOf(form), 'cache-control': 'private, no-cache' },
  }
}

async function* named(pages: AsyncIterable<readonly NameSerial['key'][]>): AsyncGenerator<readonly Project[]> {
  for await (const names of pages) yield names.map((key) => ({ key }))
}

const JSON_LAYOUT: Layout = {
  opening: '{"meta":{"api-version":"1.4"},"projects":[',
  line: ({ key: name, serial }) => JSON.stringify({ name, ...(serial !== undefined && { '_last-serial': serial }) }),
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
  line: ({ key: name }) => `<a href="${endpoint}simple/${name}/">${name}</a><br />`,
  between: '\n',
  closing: '\n  </body>\n</html>\n',
})

async function* lay(
  pages: AsyncIterable<readonly Project[]>,
  { opening, line, between, closing }: Layout,
): AsyncGenerator<string> {
  let before = opening
  for await (const projects of pages) {
    if (projects.length === 0) continue
    yield before + projects.map(line).join(between)
    before = between
  }
  yield before === opening ? opening + closing : closing
}
