import type { Handler } from '../handler.ts'
import { associateExternalConnectionHandler } from './associate-external-connection.ts'
import { createDomainHandler } from './create-domain.ts'
import { createRepositoryHandler } from './create-repository.ts'
import { deleteDomainPermissionsPolicyHandler } from './delete-domain-permissions-policy.ts'
import { deleteDomainHandler } from './delete-domain.ts'
import { deleteRepositoryPermissionsPolicyHandler } from './delete-repository-permissions-policy.ts'
import { deleteRepositoryHandler } from './delete-repository.ts'
import { describeDomainHandler } from './describe-domain.ts'
import { describePackageHandler } from './describe-package.ts'
import { describeRepositoryHandler } from './describe-repository.ts'
import { disassociateExternalConnectionHandler } from './disassociate-external-connection.ts'
import { getAuthorizationTokenHandler } from './get-authorization-token.ts'
import { getDomainPermissionsPolicyHandler } from './get-domain-permissions-policy.ts'
import { getRepositoryEndpointHandler } from './get-repository-endpoint.ts'
import { getRepositoryPermissionsPolicyHandler } from './get-repository-permissions-policy.ts'
import { listDomainsHandler } from './list-domains.ts'
import { listPackageVersionsHandler } from './list-package-versions.ts'
import { listPackagesHandler } from './list-packages.ts'
import { listRepositoriesInDomainHandler } from './list-repositories-in-domain.ts'
import { listRepositoriesHandler } from './list-repositories.ts'
import { putDomainPermissionsPolicyHandler } from './put-domain-permissions-policy.ts'
import { putPackageOriginConfigurationHandler } from './put-package-origin-configuration.ts'
import { putRepositoryPermissionsPolicyHandler } from './put-repository-permissions-policy.ts'
import { updateRepositoryHandler } from './update-repository.ts'

/** CodeArtifact's operations, one file each. */
export const codeArtifactHandlers: readonly Handler[] = [
  associateExternalConnectionHandler,
  createDomainHandler,
  createRepositoryHandler,
  deleteDomainHandler,
  deleteDomainPermissionsPolicyHandler,
  deleteRepositoryHandler,
  deleteRepositoryPermissionsPolicyHandler,
  describeDomainHandler,
  describePackageHandler,
  describeRepositoryHandler,
  disassociateExternalConnectionHandler,
  getAuthorizationTokenHandler,
  getDomainPermissionsPolicyHandler,
  getRepositoryEndpointHandler,
  getRepositoryPermissionsPolicyHandler,
  listDomainsHandler,
  listPackageVersionsHandler,
  listPackagesHandler,
  listRepositoriesInDomainHandler,
  listRepositoriesHandler,
  putDomainPermissionsPolicyHandler,
  putPackageOriginConfigurationHandler,
  putRepositoryPermissionsPolicyHandler,
  updateRepositoryHandler,
]
