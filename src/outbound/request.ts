export type OutboundRequest = {
  readonly url: string
  /** GET where left out. */
  readonly method?: string
  /** Of these only content negotiation and conditions follow a redirect to another origin. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** `header` becomes `Authorization` wherever a request goes to `origin`, and nowhere else. */
  readonly credentials?: { readonly origin: string; readonly header: string } | undefined
  /** Origins that a person wrote into a configuration: they may lie at private addresses. */
  readonly declaredOrigins?: readonly string[]
  /** Where given, no other origin is reached, by redirects neither. */
  readonly allowedOrigins?: readonly string[]
  readonly signal?: AbortSignal
  /** Ends everything, body included. Milliseconds since 1970. */
  readonly deadline: number
  /** Until the answer's headers; the usual where left out. */
  readonly answerWithinMs?: number | undefined
  /** 5 where left out, at most 10; 0 gives the redirect itself as the answer. Only GET and HEAD are redirected. */
  readonly maxRedirects?: number
}

export type OutboundResponse = {
  readonly status: number
  /** Lower-case names; repeated ones are joined. Nothing in them is to be trusted. */
  readonly headers: Readonly<Record<string, string>>
  /** After redirects. */
  readonly url: string
  /** As it came, still content-encoded. Fails with `OutboundError`. Read it once, or `dump` it. */
  readonly body: AsyncIterable<Uint8Array>
  /** Gives up what was not read, and the connection with it. Harmless after the end. */
  dump(): void
}
