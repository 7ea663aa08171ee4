import { isOtherThan } from './departures.ts'
import type { Asset, DeclaredDigests, Hex, PackageVersion, PackedFacts } from './model.ts'
import { findFiles } from './packed-facts.ts'

/** A file whose bytes are here, and what was found out of them. */
export type MeasuredFile = { readonly file: string; readonly size: number; readonly sha256: Hex }

export type ComparedKept = {
  /** What is not, or not as it is kept, in the index that is shown; of a version only such files. */
  readonly retained: readonly PackageVersion[]
  /** What is as the index has it, where that declares no strong digest. */
  readonly measured: readonly MeasuredFile[]
}

/** Of what was fetched from upstream and is kept. */
export async function compareKept(held: readonly PackageVersion[], facts: PackedFacts): Promise<ComparedKept> {
  const fetched = held.filter(({ origin, status }) => origin === 'EXTERNAL' && status === 'Published')
  const wanted = new Set(fetched.flatMap(({ assets }) => assets.map(({ file }) => file)))
  const offered = new Map((await findFiles(facts, wanted)).map((one) => [one.file, one] as const))
  // The index may be another connection's than the one that gave the file, so what was noted of it is not all that counts.
  const isDeparted = ({ file, digests, departure }: Asset) => {
    const offer = offered.get(file)
    return departure !== undefined || !offer || isOtherThan(digests, offer.digests)
  }
  const retained = fetched.flatMap((version) => {
    const assets = version.assets.filter(isDeparted)
    return assets.length === 0 ? [] : [{ ...version, assets }]
  })
  const weak = fetched.flatMap(({ assets }) =>
    assets.filter((asset) => !isDeparted(asset) && isWeaklyDeclared(offered.get(asset.file)?.digests ?? {})),
  )
  return { retained, measured: weak.map(({ file, size, digests }) => ({ file, size, sha256: digests.sha256 })) }
}

/** By nothing that a lock file could rely on. */
const isWeaklyDeclared = ({ sha512, sha384, sha256 }: DeclaredDigests): boolean =>
  sha512 === undefined && sha384 === undefined && sha256 === undefined
