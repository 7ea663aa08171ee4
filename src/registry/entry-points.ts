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
