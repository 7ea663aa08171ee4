/** All pages of a listing, one after the other. */
export async function allPages<P extends { readonly nextToken?: string | undefined }, T>(
  read: (nextToken: string | undefined) => Promise<P>,
  items: (page: P) => readonly T[],
): Promise<readonly T[]> {
  const all: T[] = []
  for (let token: string | undefined; ;) {
    const page = await read(token)
    all.push(...items(page))
    if (page.nextToken === undefined) return all
    token = page.nextToken
  }
}
