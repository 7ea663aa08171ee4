import { describe, expect, it } from 'vitest'
import { findDepartures, planDepartures, type Retained } from './departures.ts'
import type { Asset, DeclaredDigests, Departure, IndexFile } from './model.ts'
import { packageName, type AccountId, type ConnectionName, type DomainName, type RepositoryName } from './names.ts'

const NAME = packageName('npm', 'acme', 'hello')
const KEPT = { sha256: 'aa', sha512: 'bb', sha1: 'cc' }
const OTHER = { sha512: 'dd', sha1: 'ee' }

const retained = (repository: string, asset: Partial<Asset> = {}): Retained => ({
  owner: '000000000000' as AccountId,
  version: {
    domain: 'local' as DomainName,
    repository: repository as RepositoryName,
    format: 'npm',
    key: NAME.key,
    version: '1.0.0',
    status: 'Published',
    revision: 'r',
    origin: 'EXTERNAL',
    entryPoint: 'public:example',
    createdAt: 1,
    publishedAt: 1,
    license: null,
    metadata: null,
    assets: [
      { file: 'a.tgz', size: 1, digests: KEPT, createdAt: 1, path: null, sideCar: null, metadata: null, ...asset },
    ],
  },
})
const offer = (digests: DeclaredDigests): IndexFile => ({
  file: 'a.tgz',
  version: '1.0.0',
  url: 'https://files.example/a.tgz',
  path: null,
  digests,
  size: null,
  publishedAt: null,
  sideCar: null,
})
const noted = (is: Departure['is'], declares: DeclaredDigests = {}): Departure => ({ is, declares, since: 1 })

describe('what has to be noted of a kept file', () => {
  const same = [offer({ sha512: 'bb', sha1: 'cc' })]
  const weak = [offer({ sha1: 'cc' })]
  const other = [offer(OTHER)]
  it.each([
    { what: 'nothing changed', offers: same, before: same, finds: [] },
    { what: 'digests in capitals', offers: [offer({ sha512: 'BB' })], before: same, finds: [] },
    { what: 'a stronger digest than before', offers: same, before: weak, finds: [] },
    { what: 'a weak digest as before', offers: weak, before: weak, finds: [] },
    { what: 'nobody knows what was declared before', offers: weak, before: [], finds: [] },
    { what: 'only a weaker digest', offers: weak, before: same, finds: ['weaker'] },
    { what: 'no digest', offers: [offer({})], before: same, finds: ['weaker'] },
    { what: 'other bytes', offers: other, before: same, finds: ['other'] },
    { what: 'other bytes by the weaker digest alone', offers: [offer({ sha1: 'ee' })], before: same, finds: ['other'] },
    { what: 'the file is gone', offers: [], before: same, finds: ['withdrawn'] },
    { what: 'the package is gone', offers: null, before: same, finds: ['withdrawn'] },
    { what: 'it is still gone', was: noted('withdrawn'), offers: [], before: [], finds: [] },
    { what: 'it is back', was: noted('withdrawn'), offers: same, before: [], finds: [null] },
    { what: 'other bytes as before', was: noted('other', OTHER), offers: other, before: other, finds: [] },
    {
      what: 'once more other bytes',
      was: noted('other', { sha1: 'ff' }),
      offers: other,
      before: same,
      finds: ['other'],
    },
    { what: 'a weak digest still', was: noted('weaker', { sha1: 'cc' }), offers: weak, before: weak, finds: [] },
    { what: 'the strong one again', was: noted('weaker', { sha1: 'cc' }), offers: same, before: weak, finds: [null] },
  ])('$what: $finds', ({ was, offers, before, finds }) => {
    const found = findDepartures([retained('main', was && { departure: was })], offers, before, 9)
    expect(found.map(({ departure }) => departure?.is ?? null)).toEqual(finds)
  })

  it('keeps what was said of it only if that was said of the bytes that are kept', () => {
    const wants = (before: readonly IndexFile[]) => findDepartures([retained('main')], [], before, 9)[0]?.wantsExcerpt
    expect([wants(same), wants(other), wants([])]).toEqual([true, false, false])
  })
})

describe('the changes', () => {
  const about = { connection: 'public:example' as ConnectionName, name: NAME, excerpts: { 'a.tgz': '{}' } }
  const found = findDepartures([retained('main'), retained('store')], [], [offer({ sha512: 'bb' })], 9)

  it('note it in each repository, and announce it once for the domain', () => {
    expect(planDepartures(found, about)).toMatchObject([
      { change: 'note-departure', at: { repository: 'main' }, file: 'a.tgz', was: null, metadata: '{}' },
      { change: 'note-departure', at: { repository: 'store' }, file: 'a.tgz', was: null, metadata: '{}' },
      {
        change: 'announce',
        event: {
          type: 'Upstream Version Withdrawn',
          actor: 'granary:system',
          subject: 'domain/local',
          detail: {
            repositoryNames: ['main', 'store'],
            packageNamespace: 'acme',
            packageName: 'hello',
            packageVersion: '1.0.0',
            files: [{ file: 'a.tgz', kept: KEPT }],
          },
        },
      },
    ])
  })

  it('announce nothing where it is as it was', () => {
    const back = findDepartures([retained('main', { departure: noted('withdrawn') })], [offer({ sha512: 'bb' })], [], 9)
    expect(planDepartures(back, about).map(({ change }) => change)).toEqual(['note-departure'])
  })
})
