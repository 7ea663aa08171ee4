import { z } from 'zod'

// The management API as data. The server parses requests by it, the command line and the console make requests from it, and
// the OpenAPI document is written from it: so the three cannot disagree.

/** The library that schemas are made with is this folder's business; others name them by this. */
export type Schema = z.ZodType

/** Where one input travels in the HTTP request. */
export type Place = 'query' | 'path' | 'header' | 'body'

/** One input of an operation: the name that it has on the wire, where it travels, and what it may be. */
export type Member<S extends z.ZodType = z.ZodType> = {
  readonly in: Place
  readonly name: string
  readonly schema: S
  /** Its text on the wire stands for a whole number (query, path and header only; a body has JSON's own numbers). */
  readonly integer: boolean
}

export type Members = Readonly<Record<string, Member>>

const member =
  (place: Place, integer: boolean) =>
  <S extends z.ZodType>(name: string, schema: S): Member<S> => ({ in: place, name, schema, integer })

export const query = member('query', false)
export const queryInteger = member('query', true)
export const path = member('path', false)
export const body = member('body', false)

/**
 * What an operation's permission is asked for.
 *
 * caller: the caller's own account, as `*`. installation: what all accounts share. account, user, role: an account's identities.
 * new-domain, new-repository: what is about to be made. domain, repository, package: what is there.
 */
export type ResourceKind =
  | 'caller'
  | 'installation'
  | 'account'
  | 'user'
  | 'role'
  | 'new-domain'
  | 'domain'
  | 'new-repository'
  | 'repository'
  | 'package'

export type Example<In = unknown, Out = unknown> = { readonly title: string; readonly input: In; readonly output: Out }

export type Operation<
  M extends Members = Members,
  Out extends z.ZodType = z.ZodType,
  R extends ResourceKind = ResourceKind,
> = {
  /** Unique; CodeArtifact's own name where the operation is CodeArtifact's. */
  readonly name: string
  /** One sentence. */
  readonly summary: string
  readonly description?: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `/v1/domain`, `/api/accounts/{account}/users`. Only `/api` has variables. */
  readonly path: string
  /** By the name that code uses. */
  readonly input: M
  readonly output: Out
  /** The IAM action that the caller needs; null where being known is enough. */
  readonly action: `codeartifact:${string}` | `granary:${string}` | null
  readonly resource: R
  /** Only the caller's own policies decide: whoever owns a thing can always replace the policy that stands on it. */
  readonly ignoresResourcePolicies?: true
  readonly examples: readonly Example<Frozen<z.input<InputSchema<M>>>, Frozen<z.input<Out>>>[]
}

/** Any operation, where its types do not matter. Its examples are read-only data, so this loses nothing. */
export type AnyOperation = Omit<Operation, 'examples'> & { readonly examples: readonly Example[] }

export type InputSchema<M extends Members> = z.ZodObject<{ -readonly [K in keyof M]: M[K]['schema'] }>
/** What a sender may give, before defaults and conversions. */
export type GivenInput<M extends Members> = z.input<InputSchema<M>>
export type InputOf<O extends { readonly input: Members }> = z.output<InputSchema<O['input']>>
export type OutputOf<O extends { readonly output: z.ZodType }> = Frozen<z.input<O['output']>>

/** The same data, read only all the way down. */
export type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

/** Writes an operation down; exists so that its types are inferred. */
export const operation = <const M extends Members, Out extends z.ZodType, const R extends ResourceKind>(
  definition: Operation<M, Out, R>,
): Operation<M, Out, R> => definition

/** All inputs of an operation as one object, by the names that code uses. */
export const inputSchema = <M extends Members>(members: M): InputSchema<M> =>
  z.object(
    Object.fromEntries(Object.entries(members).map(([key, { schema }]) => [key, schema])),
  ) as unknown as InputSchema<M>

/** CodeArtifact's operations answer in AWS's manner, the others in ours. */
export const isCodeArtifact = ({ path: route }: Pick<AnyOperation, 'path'>): boolean => route.startsWith('/v1/')
