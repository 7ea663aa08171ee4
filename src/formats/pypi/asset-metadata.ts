import type { PageFile } from './page.ts'

/** What is kept with each hosted file, as JSON text in `Asset.metadata`. */
export type AssetMetadata = {
  /** From the archive's own metadata, never from the form that came with it. */
  readonly requiresPython: string | null
  /** The upload form's `filetype` and `pyversion`: `bdist_wheel`, `py3`. */
  readonly filetype: string | null
  readonly pyversion: string | null
  /** What an index said of a fetched file, before it said something else or nothing. */
  readonly page?: Pick<PageFile, 'uploadTime' | 'yanked' | 'provenance' | 'more'>
}

/** What stays of a page's entry when it goes. */
export const metadataOfPageFile = ({
  requiresPython,
  uploadTime,
  yanked,
  provenance,
  more,
}: PageFile): AssetMetadata => ({
  requiresPython,
  filetype: null,
  pyversion: null,
  page: { uploadTime, yanked, provenance, ...(more && { more }) },
})

export function readAssetMetadata(text: string | null): AssetMetadata {
  const read = (text === null ? {} : JSON.parse(text)) as Partial<AssetMetadata>
  return {
    requiresPython: read.requiresPython ?? null,
    filetype: read.filetype ?? null,
    pyversion: read.pyversion ?? null,
    ...(read.page && { page: read.page }),
  }
}
