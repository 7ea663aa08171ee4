import { z } from 'zod'
import { body, operation, path } from '../operation.ts'
import { repositoryName } from '../shapes.ts'
import { inDomain } from './places.ts'

const ofRepository = { ...inDomain, repository: path('repository', repositoryName) }

const withdrawn = z
  .enum(['serve', 'hold'])
  .describe(
    'What becomes of versions that were fetched through this repository and that their upstream withdrew since: they stay (`serve`), or are held back with the reason (`hold`).',
  )

const settings = z.object({ withdrawn })

export const getRepositorySettings = operation({
  name: 'GetRepositorySettings',
  summary: 'Shows the settings of a repository that CodeArtifact does not have.',
  method: 'GET',
  path: '/api/domains/{domain}/repositories/{repository}/settings',
  input: ofRepository,
  output: settings,
  action: 'granary:GetRepositorySettings',
  resource: 'repository',
  examples: [
    {
      title: 'A repository as it is made',
      input: { domain: 'team', repository: 'main' },
      output: { withdrawn: 'serve' },
    },
  ],
})

export const putRepositorySettings = operation({
  name: 'PutRepositorySettings',
  summary: 'Replaces the settings of a repository that CodeArtifact does not have.',
  method: 'PUT',
  path: '/api/domains/{domain}/repositories/{repository}/settings',
  input: { ...ofRepository, withdrawn: body('withdrawn', withdrawn) },
  output: settings,
  action: 'granary:PutRepositorySettings',
  resource: 'repository',
  examples: [
    {
      title: 'Hold what upstreams withdraw',
      input: { domain: 'team', repository: 'main', withdrawn: 'hold' },
      output: { withdrawn: 'hold' },
    },
  ],
})
