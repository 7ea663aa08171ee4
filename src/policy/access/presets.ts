// Policy documents that people would otherwise write again and again, as the JSON text that is attached to a user.

const document = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements }, null, 2)

// Without it nobody makes a token for a package manager.
const bearerToken = { Sid: 'BearerToken', Effect: 'Allow', Action: 'sts:GetServiceBearerToken', Resource: '*' }
const read = {
  Sid: 'Read',
  Effect: 'Allow',
  Action: ['codeartifact:Describe*', 'codeartifact:Get*', 'codeartifact:List*', 'codeartifact:ReadFromRepository'],
  Resource: '*',
}
const publish = {
  Sid: 'Publish',
  Effect: 'Allow',
  Action: ['codeartifact:PublishPackageVersion', 'codeartifact:PutPackageMetadata'],
  Resource: '*',
}

/** Everything, in the account and on the installation. */
export const ADMINISTRATOR = document({ Sid: 'Everything', Effect: 'Allow', Action: '*', Resource: '*' })

/** Sees and installs everything of the account. What CodeArtifact's managed policy AWSCodeArtifactReadOnlyAccess allows. */
export const READER = document(read, bearerToken)

/** A reader who also publishes and edits package metadata. */
export const PUBLISHER = document(read, publish, bearerToken)
