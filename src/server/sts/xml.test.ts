import { describe, expect, it } from 'vitest'
import { document } from './xml.ts'

describe('a document', () => {
  it('has its elements in order, in the namespace of STS', () => {
    expect(
      document('A', [
        ['B', 'text'],
        ['C', [['D', 7]]],
        ['E', []],
      ]),
    ).toBe('<A xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><B>text</B><C><D>7</D></C><E></E></A>')
  })

  it.each([
    ['<Code>', '&lt;Code&gt;'],
    ['"&\'', '&quot;&amp;&apos;'],
    ['&lt;', '&amp;lt;'],
    [']]>', ']]&gt;'],
    ['a\tb\nc', 'a\tb\nc'],
    ['a\rb', 'a&#13;b'],
    ['a\0b\x1bc', 'a\uFFFDb\uFFFDc'],
    ['\uFFFE \uFFFF', '\uFFFD \uFFFD'],
    ['\uD800x', '\uFFFDx'],
    ['é 𝄞', 'é 𝄞'],
  ])('writes %j so that it stays text', (text, written) => {
    expect(document('A', [['B', text]])).toContain(`<B>${written}</B>`)
  })
})
