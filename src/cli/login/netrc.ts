const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

/** Sets who logs in at a host, and leaves the other entries and all comments of a netrc file as they are. */
export function setNetrc(
  text: string,
  { host, login, password }: { readonly host: string; readonly login: string; readonly password: string },
): string {
  const old = new RegExp(
    String.raw`^[ \t]*machine\s+${escaped(host)}(?:\s+(?:login|account|password)\s+\S+)*[ \t]*(?:\r?\n|$)`,
    'gm',
  )
  // First, because a `default` ends the list.
  return `machine ${host} login ${login} password ${password}\n${text.replace(old, '')}`
}
