/** What is kept with each hosted file, as JSON text in `Asset.metadata`. */
export type AssetMetadata = {
  /** From the archive's own metadata, never from the form that came with it. */
  readonly requiresPython: string | null
  /** The upload form's `filetype` and `pyversion`: `bdist_wheel`, `py3`. */
  readonly filetype: string | null
  readonly pyversion: string | null
}

export function readAssetMetadata(text: string | null): AssetMetadata {
  const read = (text === null ? {} : JSON.parse(text)) as Partial<AssetMetadata>
  return {
    requiresPython: read.requiresPython ?? null,
    filetype: read.filetype ?? null,
    pyversion: read.pyversion ?? null,
  }
}
