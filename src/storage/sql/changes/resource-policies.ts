import type { ResourcePolicy } from '../../../registry/model.ts'
import { statement, type Refusal, type Statement } from '../executor.ts'
import type { Queries } from '../schema.ts'
import { conflict, missing, type Plans } from './plan.ts'

type Place = Pick<ResourcePolicy, 'domain' | 'repository'>

const resourceOf = ({ domain, repository }: Place): string => (repository === null ? domain : `${domain}/${repository}`)

export const resourcePolicyChanges: Plans<'put-resource-policy' | 'delete-resource-policy'> = {
  'put-resource-policy': {
    moves: 'topology',
    statements: (queries, { policy, was }) => {
      const content = {
        document: policy.document,
        principals: JSON.stringify(policy.principals),
        revision: policy.revision,
      }
      const resource = resourceOf(policy)
      return [
        placeMustExist(queries, policy),
        was === undefined
          ? statement(
              queries
                .insertInto('resource_policies')
                .values({ resource, domain: policy.domain, repository: policy.repository, ...content })
                .onConflict((it) => it.column('resource').doUpdateSet(content)),
              { reference: placeMissing(policy) },
            )
          : statement(
              queries
                .updateTable('resource_policies')
                .set(content)
                .where('resource', '=', resource)
                .where('revision', '=', was),
              { none: changedMeanwhile(policy) },
            ),
      ]
    },
  },
  'delete-resource-policy': {
    moves: 'topology',
    statements: (queries, { domain, repository, was }) => {
      const place = { domain, repository }
      const ofPlace = queries.deleteFrom('resource_policies').where('resource', '=', resourceOf(place))
      if (was === undefined) return [statement(ofPlace, { none: policyMissing(place) })]
      return [
        statement(
          queries.selectFrom('resource_policies').select('revision').where('resource', '=', resourceOf(place)),
          {
            none: policyMissing(place),
          },
        ),
        statement(ofPlace.where('revision', '=', was), { none: changedMeanwhile(place) }),
      ]
    },
  },
}

/** Asked by itself, for a change of what is there meets no foreign key. */
const placeMustExist = (queries: Queries, place: Place): Statement =>
  place.repository === null
    ? statement(queries.selectFrom('domains').select('name').where('name', '=', place.domain), {
        none: placeMissing(place),
      })
    : statement(
        queries
          .selectFrom('repositories')
          .select('name')
          .where('domain', '=', place.domain)
          .where('name', '=', place.repository),
        { none: placeMissing(place) },
      )

const placeMissing = ({ domain, repository }: Place): Refusal =>
  repository === null ? missing('The domain', domain, 'domain') : missing('The repository', repository, 'repository')

const policyMissing = ({ domain, repository }: Place): Refusal =>
  repository === null
    ? missing('The policy of the domain', domain, 'domain')
    : missing('The policy of the repository', repository, 'repository')

const changedMeanwhile = ({ domain, repository }: Place): Refusal =>
  repository === null
    ? conflict(`The policy of the domain ${domain} was changed in the meantime`, domain, 'domain')
    : conflict(`The policy of the repository ${repository} was changed in the meantime`, repository, 'repository')
