import { createConnection, deleteConnection, listConnections } from './admin/connections.ts'
import { createRule, deleteRule, getReservedPrefixes, listRules, putReservedPrefixes } from './admin/curation.ts'
import { listEvents } from './admin/events.ts'
import {
  attachUserPolicy,
  createAccessKey,
  createAccount,
  createUser,
  deleteUser,
  detachUserPolicy,
  listAccessKeys,
  listAccounts,
  listUserPolicies,
  listUsers,
  revokeAccessKey,
  whoAmI,
} from './admin/identities.ts'
import {
  createDomain,
  deleteDomain,
  describeDomain,
  listDomains,
  listRepositoriesInDomain,
} from './codeartifact/domains.ts'
import {
  describePackage,
  listPackages,
  listPackageVersions,
  putPackageOriginConfiguration,
} from './codeartifact/packages.ts'
import {
  associateExternalConnection,
  createRepository,
  deleteRepository,
  describeRepository,
  disassociateExternalConnection,
  getRepositoryEndpoint,
  listRepositories,
  updateRepository,
} from './codeartifact/repositories.ts'
import { getAuthorizationToken } from './codeartifact/tokens.ts'
import type { AnyOperation } from './operation.ts'

/** Everything that can be asked of the management API, by name. */
export const operations = {
  getAuthorizationToken,
  getRepositoryEndpoint,
  createDomain,
  describeDomain,
  listDomains,
  deleteDomain,
  createRepository,
  describeRepository,
  updateRepository,
  deleteRepository,
  listRepositories,
  listRepositoriesInDomain,
  associateExternalConnection,
  disassociateExternalConnection,
  listPackages,
  describePackage,
  listPackageVersions,
  putPackageOriginConfiguration,
  whoAmI,
  createAccount,
  listAccounts,
  createUser,
  listUsers,
  deleteUser,
  createAccessKey,
  listAccessKeys,
  revokeAccessKey,
  attachUserPolicy,
  listUserPolicies,
  detachUserPolicy,
  createConnection,
  listConnections,
  deleteConnection,
  createRule,
  listRules,
  deleteRule,
  getReservedPrefixes,
  putReservedPrefixes,
  listEvents,
} as const

export const allOperations: readonly AnyOperation[] = Object.values(operations)
