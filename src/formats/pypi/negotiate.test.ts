import { describe, expect, it } from 'vitest'
import { negotiate } from './negotiate.ts'

const PIP = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01'
const UV = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01'
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8'

describe('the form of a page', () => {
  it.each([
    ['pip', PIP, 'json'],
    ['uv', UV, 'json'],
    ['poetry', 'application/vnd.pypi.simple.v1+json, */*;q=0.1', 'json'],
    ['a browser', BROWSER, 'html'],
    ['nothing', undefined, 'html'],
    ['an empty header', '', 'html'],
    ['anything', '*/*', 'html'],
    ['text/html', 'text/html', 'html'],
    ['v1+html', 'application/vnd.pypi.simple.v1+html', 'html-v1'],
    ['latest+json', 'application/vnd.pypi.simple.latest+json', 'json'],
    ['latest+html', 'application/vnd.pypi.simple.latest+html', 'html-v1'],
    ['a tie, which the earlier offer wins', 'application/vnd.pypi.simple.v1+json, text/html', 'html'],
    ['application/*, where the earlier offer wins', 'application/*', 'html-v1'],
    ['a refused type', 'text/html;q=0, application/vnd.pypi.simple.v1+html;q=0, */*', 'json'],
    ['other case and spaces', 'Application/VND.pypi.simple.V1+JSON ; Q = 0.9 , text/html ; q=0.1', 'json'],
    ['spaces around everything', ' text/html ; q = 0.1 , application/vnd.pypi.simple.v1+json ; q = 0.2 ', 'json'],
    ['a charset', 'text/html; charset=utf-8', 'html'],
    ['text/*', 'text/*', 'html'],
    ['a type more welcome than all others', 'text/html;q=0.5, */*', 'html-v1'],
    ['another type beside one that is served', 'application/xml, application/vnd.pypi.simple.v1+json;q=0.001', 'json'],
    ['a refused family with an exception', 'application/*;q=0, application/vnd.pypi.simple.v1+json', 'json'],
    ['a weight that is none', 'text/html;q=high, application/vnd.pypi.simple.v1+json;q=0.1', 'json'],
  ])('for %s', (_, accept, form) => {
    expect(negotiate(accept, null)).toBe(form)
  })

  it.each([
    'application/json',
    'image/png, application/xml',
    'text/html;q=0',
    'application/vnd.pypi.simple.v2+json',
    '*/*;q=0',
    'text/plain',
  ])('is none for %s', (accept) => {
    expect(() => negotiate(accept, null)).toThrow(expect.objectContaining({ code: 'not_acceptable' }))
  })

  it.each([
    ['application/vnd.pypi.simple.v1+json', 'json'],
    ['application/vnd.pypi.simple.v1 json', 'json'],
    ['application/vnd.pypi.simple.latest json', 'json'],
    ['application/vnd.pypi.simple.latest+html', 'html-v1'],
    [' TEXT/HTML ', 'html'],
    ['text/html', 'html'],
  ])('follows ?format=%s before Accept', (format, form) => {
    expect(negotiate(BROWSER, format)).toBe(form)
  })

  it.each(['yaml', '', '*/*;q=0', 'application/vnd.pypi.simple.v2+json'])('is none for ?format=%s', (format) => {
    expect(() => negotiate(PIP, format)).toThrow(
      expect.objectContaining({
        code: 'not_acceptable',
        message: expect.stringMatching(/simple\.v1\+json.*simple\.v1\+html.*text\/html/),
      }),
    )
  })
})
