import type { Asset, PackageVersion } from './model.ts'
import type { ConnectionName } from './names.ts'

// Where fetched files came from. Those of one version may be several connections', where sources are or were merged.

/** The connection that a fetched file came through. */
export const entryPointOf = (
  version: Pick<PackageVersion, 'entryPoint'>,
  asset: Pick<Asset, 'entryPoint'>,
): ConnectionName => asset.entryPoint ?? (version.entryPoint as ConnectionName)

/** Only such files of it, and no version without any. */
export const onlyFiles = (
  held: readonly PackageVersion[],
  counts: (version: PackageVersion, asset: Asset) => boolean,
): readonly PackageVersion[] =>
  held.flatMap((version) => {
    const assets = version.assets.filter((asset) => counts(version, asset))
    return assets.length === 0 ? [] : [{ ...version, assets }]
  })

/**
 * What counts where sources are not merged. `alone`: the one connection that may give the name, if any may. What came of others, while
 * sources were merged, is not mixed with its files once they no longer are.
 */
export const fetchedAlone = (
  held: readonly PackageVersion[],
  alone: ConnectionName | undefined,
): readonly PackageVersion[] => {
  const isMixed = held.some(({ assets }) => assets.some(({ entryPoint }) => entryPoint !== undefined))
  if (!isMixed) return held
  const counts = ({ entryPoint }: Asset) => entryPoint === undefined || entryPoint === alone
  return held.flatMap((version) => {
    if (version.origin === 'INTERNAL' || version.assets.length === 0) return [version]
    const [one] = onlyFiles([version], (_version, asset) => counts(asset))
    const [first] = one?.assets ?? []
    return one && first ? [{ ...one, entryPoint: entryPointOf(one, first) }] : []
  })
}
