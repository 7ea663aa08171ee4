/** A request line's target as it came, nothing decoded: the path, and the query without its `?`. */
export function splitTarget({ url = '' }: { readonly url?: string | undefined }): {
  rawPath: string
  rawQuery: string
} {
  const mark = url.indexOf('?')
  return mark < 0 ? { rawPath: url, rawQuery: '' } : { rawPath: url.slice(0, mark), rawQuery: url.slice(mark + 1) }
}
