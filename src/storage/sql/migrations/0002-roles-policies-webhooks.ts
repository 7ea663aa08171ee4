import type { Migration } from './migration.ts'

export const rolesPoliciesWebhooks: Migration = {
  number: 2,
  // A program that knows only the tables before would not read the resource policies, and allow what they deny; and it would
  // take the tokens of a role for nobody's. It must not share the store.
  oldestReader: 2,
  statements: ({ text, integer, table, compactTable }) => [
    // Identities.
    `CREATE TABLE roles (
      account ${text} NOT NULL REFERENCES accounts (id), name ${text} NOT NULL, id ${text} NOT NULL UNIQUE,
      created_at ${integer} NOT NULL, trust ${text} NOT NULL, trusted ${text} NOT NULL,
      max_session_seconds ${integer} NOT NULL, sessions_valid_from ${integer} NOT NULL,
      PRIMARY KEY (account, name)
    ) ${table}`,
    `CREATE TABLE role_policies (
      account ${text} NOT NULL, role_name ${text} NOT NULL, name ${text} NOT NULL, document ${text} NOT NULL,
      PRIMARY KEY (account, role_name, name),
      FOREIGN KEY (account, role_name) REFERENCES roles (account, name) ON DELETE CASCADE
    ) ${table}`,

    // Topology. `resource` is `domain` or `domain/repository`: a key that is never null, as `repository` is for a domain's own
    // policy; and a null there is what makes the second foreign key not apply.
    `CREATE TABLE resource_policies (
      resource ${text} PRIMARY KEY, domain ${text} NOT NULL REFERENCES domains (name) ON DELETE CASCADE,
      repository ${text}, document ${text} NOT NULL, principals ${text} NOT NULL, revision ${text} NOT NULL,
      FOREIGN KEY (domain, repository) REFERENCES repositories (domain, name) ON DELETE CASCADE
    ) ${table}`,
    `CREATE INDEX resource_policies_by_place ON resource_policies (domain, repository)`,

    // Where events go.
    `CREATE TABLE webhooks (
      id ${text} PRIMARY KEY, account ${text} NOT NULL REFERENCES accounts (id), url ${text} NOT NULL,
      shown_url ${text} NOT NULL, headers ${text}, pattern ${text}, description ${text}, created_at ${integer} NOT NULL,
      disabled_at ${integer}, disabled_reason ${text}, failing_since ${integer}
    ) ${table}`,
    `CREATE INDEX webhooks_of_account ON webhooks (account, created_at, id)`,
    `CREATE TABLE webhook_secrets (
      webhook ${text} NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE, id ${text} NOT NULL, secret ${text} NOT NULL,
      created_at ${integer} NOT NULL, expires_at ${integer},
      PRIMARY KEY (webhook, id)
    ) ${compactTable}`,
    // account, event_type and position repeat the webhook's and the event's, so that lists and leases need not join.
    `CREATE TABLE deliveries (
      id ${text} PRIMARY KEY, webhook ${text} NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
      account ${text} NOT NULL, event ${text} NOT NULL REFERENCES events (id), event_type ${text} NOT NULL,
      position ${integer} NOT NULL, created_at ${integer} NOT NULL, state ${text} NOT NULL, reason ${text},
      attempts ${integer} NOT NULL, first_attempt_at ${integer}, due_at ${integer}, leased_until ${integer},
      UNIQUE (webhook, event)
    ) ${table}`,
    `CREATE INDEX deliveries_due ON deliveries (webhook, due_at, position) WHERE state = 'pending'`,
    `CREATE INDEX deliveries_of_account ON deliveries (account, created_at, id)`,
    `CREATE INDEX deliveries_of_webhook ON deliveries (webhook, created_at, id)`,
    `CREATE INDEX deliveries_of_event ON deliveries (event, created_at, id)`,
    `CREATE INDEX deliveries_undelivered ON deliveries (account, created_at, id) WHERE state <> 'delivered'`,
    `CREATE INDEX deliveries_that_ended ON deliveries (created_at) WHERE state <> 'pending'`,
    `CREATE TABLE delivery_attempts (
      delivery ${text} NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE, number ${integer} NOT NULL,
      at ${integer} NOT NULL, duration ${integer} NOT NULL, succeeded ${integer} NOT NULL, status ${integer},
      error ${text}, response ${text},
      PRIMARY KEY (delivery, number)
    ) ${table}`,
    // Nobody waited for the events so far: a webhook hears of what happens after it was made.
    `UPDATE events SET state = 'done'`,
    `CREATE INDEX events_pending ON events (position) WHERE state = 'pending'`,
  ],
}
