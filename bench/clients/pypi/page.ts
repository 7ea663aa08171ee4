import { gunzipSync } from 'node:zlib'
import { ask, type HttpAnswer } from '../../http.ts'
import { authorization } from '../../peers/peer.ts'
import type { PypiPeer } from '../../peers/pypi/peer.ts'

export type Form = 'json' | 'html'

/** A file as a page lists it; `url` is absolute and has no fragment. */
export type LinkedFile = { readonly url: string; readonly sha256: string | undefined }

export type ReadPage = { readonly answer: HttpAnswer; readonly files: ReadonlyMap<string, LinkedFile> }

const ACCEPT: Readonly<Record<Form, string>> = {
  json: 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01',
  html: 'text/html',
}

/** As pip asks for a page: devpi, too, is asked as by an installer, for whom it does less. */
export const pageHeaders = (form: Form): Readonly<Record<string, string>> => ({
  accept: ACCEPT[form],
  'accept-encoding': 'gzip',
  'user-agent': 'pip/26.3',
})

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json'

/** nginx has HTML at a place of its own. */
export const pagePath = (peer: PypiPeer, name: string, form: Form): string =>
  peer.name === 'nginx' && form === 'html' ? `../html/${name}/` : `${name}/`

/** The page that a peer gives. Throws where it gives none, or another form than was asked for. */
export async function readPage(peer: PypiPeer, name: string, form: Form): Promise<ReadPage> {
  const url = new URL(pagePath(peer, name, form), peer.registry).href
  const answer = await ask(url, { headers: { ...pageHeaders(form), ...authorization(peer) } })
  const type = answer.headers['content-type'] ?? ''
  const expected = form === 'json' ? JSON_TYPE : 'text/html'
  if (answer.status !== 200 || !type.startsWith(expected))
    throw new Error(`${peer.name} answered ${answer.status} (${type}) for ${name} in ${form}`)
  const text = plain(answer).toString()
  return { answer, files: new Map(form === 'json' ? linksOfJson(text, url) : linksOfHtml(text, url)) }
}

export const plain = ({ headers, body }: HttpAnswer): Buffer =>
  headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body

type JsonPage = { readonly files: readonly { filename: string; url: string; hashes: { sha256?: string } }[] }

const linksOfJson = (text: string, base: string): readonly (readonly [string, LinkedFile])[] =>
  (JSON.parse(text) as JsonPage).files.map(({ filename, url, hashes }) => [
    filename,
    { url: new URL(url, base).href.replace(/#.*/, ''), sha256: hashes.sha256 },
  ])

function linksOfHtml(text: string, base: string): readonly (readonly [string, LinkedFile])[] {
  return [...text.matchAll(/<a\b[^>]*\bhref="([^"]*)"[^>]*>([^<]*)<\/a>/g)].map(([, href = '', filename = '']) => {
    const url = new URL(href.replaceAll('&amp;', '&'), base)
    const sha256 = /^#sha256=([0-9a-f]{64})/.exec(url.hash)?.[1]
    url.hash = ''
    return [filename.trim(), { url: url.href, sha256 }]
  })
}
