import { RegistryError } from '../../registry/errors.ts'

/** The forms of a project page. `html-v1` is `html` under PEP 691's own content type. */
export type Form = 'html' | 'html-v1' | 'json'

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'
const HTML_TYPE = 'application/vnd.pypi.simple.v1+html'

/** In the public index's order: of equally welcome types the first is sent. */
const OFFERS: readonly { readonly form: Form; readonly types: readonly string[] }[] = [
  { form: 'html', types: ['text/html'] },
  { form: 'html-v1', types: [HTML_TYPE, 'application/vnd.pypi.simple.latest+html'] },
  { form: 'json', types: [JSON_TYPE, 'application/vnd.pypi.simple.latest+json'] },
]

const CONTENT_TYPES = new Map<string, string>([
  ['html', 'text/html; charset=utf-8'],
  ['html-v1', `${HTML_TYPE}; charset=utf-8`],
  // pip and poetry compare this one as a whole.
  ['json', JSON_TYPE],
])

export function contentTypeOf(form: string): string {
  const type = CONTENT_TYPES.get(form)
  if (type === undefined) throw new Error(`There is no form ${form} of a project page`)
  return type
}

/** PEP 691: the form that a request wants. `format` is the query's, which overrides `Accept`. Throws `not_acceptable`. */
export function negotiate(accept: string | undefined, format: string | null): Form {
  // A `+` in a query arrives as a space.
  const ranges =
    format === null ? parseAccept(accept) : [{ range: format.trim().toLowerCase().replaceAll(' ', '+'), quality: 1 }]
  const best = OFFERS.map(({ form, types }) => ({ form, quality: qualityOf(types, ranges) })).reduce((first, second) =>
    second.quality > first.quality ? second : first,
  )
  if (best.quality > 0) return best.form
  throw new RegistryError('not_acceptable', `A project page comes as ${JSON_TYPE}, ${HTML_TYPE} or text/html`)
}

type Range = { readonly range: string; readonly quality: number }

function parseAccept(accept: string | undefined): readonly Range[] {
  if (accept === undefined || accept.trim() === '') return [{ range: '*/*', quality: 1 }]
  return accept
    .toLowerCase()
    .split(',')
    .map((item) => {
      const [range = '', ...parameters] = item.split(';').map((part) => part.replace(/\s+/g, ''))
      const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
      return { range, quality: quality >= 0 && quality <= 1 ? quality : 0 }
    })
}

/** RFC 9110: the most specific range that names a type says how welcome it is. */
function qualityOf(types: readonly string[], ranges: readonly Range[]): number {
  const levels = [
    (range: string) => types.includes(range),
    (range: string) => types.some((type) => range === `${type.slice(0, type.indexOf('/'))}/*`),
    (range: string) => range === '*/*',
  ]
  for (const matches of levels) {
    const qualities = ranges.filter(({ range }) => matches(range)).map(({ quality }) => quality)
    if (qualities.length > 0) return Math.max(...qualities)
  }
  return 0
}
