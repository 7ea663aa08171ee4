import type { Migration } from './migration.ts'

// Names are the keys: rows can be read, exported and compared without looking numbers up. Cascades do what the changes'
// comments promise (a repository takes its packages with it); the other foreign keys are their refusals.

export const first: Migration = {
  number: 1,
  oldestReader: 1,
  statements: ({ text, integer, binary, table, compactTable }) => {
    const ofPackage = `domain ${text} NOT NULL, repository ${text} NOT NULL, format ${text} NOT NULL, package ${text} NOT NULL`
    const ofIndex = `connection ${text} NOT NULL, format ${text} NOT NULL, package ${text} NOT NULL`
    return [
      `CREATE TABLE settings (key ${text} PRIMARY KEY, value ${text} NOT NULL) ${table}`,
      `CREATE TABLE signing_keys (
        id ${text} PRIMARY KEY, algorithm ${text} NOT NULL, public_jwk ${text} NOT NULL, private_jwk ${text} NOT NULL,
        created_at ${integer} NOT NULL, retired_at ${integer}
      ) ${table}`,

      // Identities.
      `CREATE TABLE accounts (id ${text} PRIMARY KEY, created_at ${integer} NOT NULL) ${table}`,
      `CREATE TABLE users (
        account ${text} NOT NULL REFERENCES accounts (id), name ${text} NOT NULL, id ${text} NOT NULL UNIQUE,
        created_at ${integer} NOT NULL,
        PRIMARY KEY (account, name), UNIQUE (account, name, id)
      ) ${table}`,
      `CREATE TABLE identity_policies (
        account ${text} NOT NULL, user_name ${text} NOT NULL, name ${text} NOT NULL, document ${text} NOT NULL,
        PRIMARY KEY (account, user_name, name),
        FOREIGN KEY (account, user_name) REFERENCES users (account, name) ON DELETE CASCADE
      ) ${table}`,
      // The user's id is part of the reference: a key made for a user never becomes its namesake's.
      `CREATE TABLE access_keys (
        id ${text} PRIMARY KEY, account ${text} NOT NULL, user_name ${text} NOT NULL, user_id ${text} NOT NULL,
        secret ${text} NOT NULL, created_at ${integer} NOT NULL, revoked_at ${integer},
        FOREIGN KEY (account, user_name, user_id) REFERENCES users (account, name, id) ON DELETE CASCADE
      ) ${table}`,
      `CREATE INDEX access_keys_of_user ON access_keys (account, user_name, user_id)`,

      // Topology.
      `CREATE TABLE domains (
        name ${text} PRIMARY KEY, owner ${text} NOT NULL REFERENCES accounts (id), created_at ${integer} NOT NULL,
        reserved ${text} NOT NULL
      ) ${table}`,
      `CREATE TABLE repositories (
        domain ${text} NOT NULL REFERENCES domains (name), name ${text} NOT NULL, administrator ${text} NOT NULL,
        description ${text}, created_at ${integer} NOT NULL,
        PRIMARY KEY (domain, name)
      ) ${table}`,
      `CREATE TABLE connections (
        name ${text} PRIMARY KEY, format ${text} NOT NULL, url ${text} NOT NULL, file_origins ${text} NOT NULL,
        credentials ${text}, built_in ${integer} NOT NULL
      ) ${table}`,
      `CREATE TABLE repository_upstreams (
        domain ${text} NOT NULL, repository ${text} NOT NULL, position ${integer} NOT NULL, upstream ${text} NOT NULL,
        PRIMARY KEY (domain, repository, position), UNIQUE (domain, repository, upstream),
        FOREIGN KEY (domain, repository) REFERENCES repositories (domain, name) ON DELETE CASCADE,
        FOREIGN KEY (domain, upstream) REFERENCES repositories (domain, name)
      ) ${compactTable}`,
      `CREATE INDEX repository_upstreams_by_upstream ON repository_upstreams (domain, upstream)`,
      `CREATE TABLE repository_connections (
        domain ${text} NOT NULL, repository ${text} NOT NULL, position ${integer} NOT NULL,
        connection ${text} NOT NULL REFERENCES connections (name),
        PRIMARY KEY (domain, repository, position), UNIQUE (domain, repository, connection),
        FOREIGN KEY (domain, repository) REFERENCES repositories (domain, name) ON DELETE CASCADE
      ) ${compactTable}`,
      `CREATE INDEX repository_connections_by_connection ON repository_connections (connection)`,
      `CREATE TABLE rules (
        domain ${text} NOT NULL REFERENCES domains (name) ON DELETE CASCADE, id ${text} NOT NULL, repository ${text},
        rule ${text} NOT NULL,
        PRIMARY KEY (domain, id),
        FOREIGN KEY (domain, repository) REFERENCES repositories (domain, name) ON DELETE CASCADE
      ) ${table}`,
      `CREATE INDEX rules_of_repository ON rules (domain, repository)`,

      // Packages.
      `CREATE TABLE names (
        domain ${text} NOT NULL REFERENCES domains (name) ON DELETE CASCADE, format ${text} NOT NULL,
        package ${text} NOT NULL, owned ${integer} NOT NULL, ingested ${integer} NOT NULL,
        PRIMARY KEY (domain, format, package)
      ) ${compactTable}`,
      `CREATE TABLE packages (
        ${ofPackage}, publish ${text} NOT NULL, upstream ${text} NOT NULL, origin_is_explicit ${integer} NOT NULL,
        PRIMARY KEY (domain, repository, format, package),
        FOREIGN KEY (domain, repository) REFERENCES repositories (domain, name) ON DELETE CASCADE
      ) ${compactTable}`,
      `CREATE INDEX packages_by_name ON packages (domain, format, package)`,
      `CREATE TABLE versions (
        ${ofPackage}, version ${text} NOT NULL, status ${text} NOT NULL, revision ${text} NOT NULL, origin ${text} NOT NULL,
        entry_point ${text} NOT NULL, created_at ${integer} NOT NULL, published_at ${integer} NOT NULL, license ${text},
        metadata ${text},
        PRIMARY KEY (domain, repository, format, package, version),
        FOREIGN KEY (domain, repository, format, package)
          REFERENCES packages (domain, repository, format, package) ON DELETE CASCADE
      ) ${table}`,
      // origin may be null only where the version is missing, and then the foreign key refuses the row.
      `CREATE TABLE assets (
        ${ofPackage}, version ${text} NOT NULL, file ${text} NOT NULL, size ${integer} NOT NULL, sha256 ${text} NOT NULL,
        sha512 ${text}, sha1 ${text}, md5 ${text}, blake2b ${text}, created_at ${integer} NOT NULL, path ${text},
        side_car_sha256 ${text}, side_car_size ${integer}, metadata ${text}, origin ${text},
        PRIMARY KEY (domain, repository, format, package, version, file),
        FOREIGN KEY (domain, repository, format, package, version)
          REFERENCES versions (domain, repository, format, package, version) ON DELETE CASCADE
      ) ${table}`,
      `CREATE INDEX assets_by_file ON assets (domain, repository, format, package, file)`,
      `CREATE INDEX assets_by_blob ON assets (sha256)`,
      `CREATE INDEX assets_by_side_car ON assets (side_car_sha256) WHERE side_car_sha256 IS NOT NULL`,
      `CREATE INDEX assets_published_here ON assets (sha256) WHERE origin = 'INTERNAL'`,
      `CREATE INDEX side_cars_published_here ON assets (side_car_sha256) WHERE origin = 'INTERNAL' AND side_car_sha256 IS NOT NULL`,
      `CREATE TABLE tags (
        ${ofPackage}, tag ${text} NOT NULL, version ${text} NOT NULL,
        PRIMARY KEY (domain, repository, format, package, tag),
        FOREIGN KEY (domain, repository, format, package, version)
          REFERENCES versions (domain, repository, format, package, version) ON DELETE CASCADE
      ) ${compactTable}`,
      `CREATE INDEX tags_of_version ON tags (domain, repository, format, package, version)`,

      // What upstreams said. No foreign key to connections: what was fetched stays readable when its connection is gone.
      `CREATE TABLE indexes (
        ${ofIndex}, revision ${integer} NOT NULL, fresh_until ${integer} NOT NULL, checked_at ${integer} NOT NULL,
        forgotten ${integer} NOT NULL, state ${text} NOT NULL, document_sha256 ${text}, document_size ${integer},
        etag ${text}, last_modified ${text},
        PRIMARY KEY (connection, format, package)
      ) ${compactTable}`,
      `CREATE INDEX indexes_by_document ON indexes (document_sha256) WHERE document_sha256 IS NOT NULL`,
      `CREATE TABLE index_facts (
        ${ofIndex}, facts ${binary} NOT NULL,
        PRIMARY KEY (connection, format, package),
        FOREIGN KEY (connection, format, package) REFERENCES indexes (connection, format, package) ON DELETE CASCADE
      ) ${table}`,
      `CREATE TABLE side_cars (
        ${ofIndex}, file ${text} NOT NULL, sha256 ${text} NOT NULL, size ${integer} NOT NULL,
        PRIMARY KEY (connection, format, package, file)
      ) ${compactTable}`,
      `CREATE INDEX side_cars_by_blob ON side_cars (sha256)`,

      // Blobs. Who refers to one is read off the tables above.
      `CREATE TABLE blobs (
        sha256 ${text} PRIMARY KEY, size ${integer} NOT NULL, created_at ${integer} NOT NULL,
        last_used_at ${integer} NOT NULL, condemned ${integer} NOT NULL
      ) ${compactTable}`,
      `CREATE INDEX blobs_by_use ON blobs (last_used_at, sha256)`,

      // Events, and what counts.
      `CREATE TABLE sequences (subject ${text} PRIMARY KEY, last ${integer} NOT NULL) ${compactTable}`,
      `CREATE TABLE events (
        position ${integer} PRIMARY KEY, id ${text} NOT NULL UNIQUE, type ${text} NOT NULL, time ${integer} NOT NULL,
        actor ${text} NOT NULL, account ${text}, subject ${text} NOT NULL, sequence ${integer} NOT NULL,
        detail ${text} NOT NULL, state ${text} NOT NULL, leased_until ${integer},
        UNIQUE (subject, sequence)
      ) ${table}`,
      `CREATE INDEX events_of_account ON events (account, position)`,
      `CREATE TABLE failures (
        key ${text} NOT NULL, at ${integer} NOT NULL, count ${integer} NOT NULL, expires_at ${integer} NOT NULL,
        PRIMARY KEY (key, at)
      ) ${compactTable}`,
      `CREATE INDEX failures_by_expiry ON failures (expires_at)`,
      // Outlives its domain: counters only grow.
      `CREATE TABLE package_counters (
        domain ${text} NOT NULL, format ${text} NOT NULL, package ${text} NOT NULL, revision ${integer} NOT NULL,
        PRIMARY KEY (domain, format, package)
      ) ${compactTable}`,
      `CREATE TABLE topology_counter (id ${integer} PRIMARY KEY CHECK (id = 1), revision ${integer} NOT NULL) ${table}`,
      `INSERT INTO topology_counter (id, revision) VALUES (1, 0)`,
    ]
  },
}
