// Who may import whom (ARCHITECTURE.md has the same table as prose). `npm run imports` checks it, and
// test/imports.test.ts plants a violation of every rule and sees it caught.
// Unit tests (`*.test.ts`) stand beside their file and may import what they need; the rules are about the program.

const BUILT_IN = require('./package.json').builtIn
const TEST = '\\.test\\.ts$'

/** In `of ours`, `$1` is the folder that `from` captured. */
const folder = (name, from, mayImport, because) => ({
  name,
  severity: 'error',
  comment: because,
  from: { path: from, pathNot: TEST },
  to: { path: '^src/', pathNot: mayImport },
})

/** `onlyIn` lists the places that may import the packages; the files directly below src wire everything. */
const library = (name, packages, onlyIn, because) => ({
  name,
  severity: 'error',
  comment: because,
  from: { path: '^src/', pathNot: [TEST, ...onlyIn] },
  to: { path: packages.map((each) => `(^|/)node_modules/(@types/)?${each.replaceAll('.', '\\.')}/`) },
})

/** main.ts and the files beside it that it is cut into: they start things, so they may name them. config.ts only reads settings. */
const WIRING = '^src/(?!config\\.)[^/]+\\.ts$'
const REGISTRY = '^src/registry/'
const CONTRACT = '^src/formats/format\\.ts$'

const folders = [
  folder(
    'policy-is-alone',
    '^src/policy/',
    ['^src/policy/'],
    'Policy decides on plain data that it is given, so that a decision can be read, tested and explained without a registry around it.',
  ),
  folder(
    'registry-knows-policy-only',
    '^src/registry/',
    [REGISTRY, '^src/policy/'],
    'The core says what a registry is; HTTP, SQL and formats are folders around it and know the core, never the other way round.',
  ),
  folder(
    'formats-know-the-core',
    '^src/formats/([^/]+)/',
    ['^src/formats/$1/', CONTRACT, REGISTRY, '^src/policy/'],
    'A package format is one folder that can be read, added or taken away without touching another.',
  ),
  folder(
    'the-format-contract-knows-the-core',
    CONTRACT,
    [REGISTRY, '^src/policy/'],
    'Every format and the server meet in this contract, so whatever it imported they would all import.',
  ),
  folder(
    'outbound-is-alone',
    '^src/outbound/',
    ['^src/outbound/'],
    'The one way out of the machine is guarded in one place, and a guard that knew its users would make exceptions for them.',
  ),
  folder(
    'upstream-asks-through-outbound',
    '^src/upstream/',
    ['^src/upstream/', REGISTRY, '^src/outbound/'],
    'Public registries are reached through the guarded way out and answered in the words of the core.',
  ),
  folder(
    'events-send-through-outbound',
    '^src/events/',
    ['^src/events/', REGISTRY, '^src/outbound/'],
    'Deliveries leave through the guarded way out and know events, not who serves requests.',
  ),
  folder(
    'storage-drivers-know-the-core',
    '^src/storage/([^/]+)/',
    ['^src/storage/$1/', REGISTRY, '^src/policy/'],
    'A driver fulfils a port of the core, and no driver may lean on another that an installation may not use.',
  ),
  folder(
    'auth-knows-the-core',
    '^src/auth/',
    ['^src/auth/', REGISTRY, '^src/outbound/'],
    'Who is calling is settled before and apart from what they call, so it works the same at every door.',
  ),
  folder(
    'api-is-data',
    '^src/api/',
    ['^src/api/', REGISTRY],
    'The management API is a description that the server, the command line and the console share.',
  ),
  folder(
    'server-knows-no-driver',
    '^src/server/',
    ['^src/server/', REGISTRY, '^src/auth/', '^src/api/', CONTRACT],
    'The server is given stores, upstreams and formats by main.ts, so each can be swapped without touching a route.',
  ),
  folder(
    'clients-know-the-api-only',
    '^src/(cli|console)/',
    ['^src/$1/', '^src/api/'],
    'The command line and the console can do what any other client of the API can do, and nothing behind its back.',
  ),
  folder(
    'config-knows-the-core',
    '^src/config\\.ts$',
    [REGISTRY],
    'Settings are read before anything is started, so they cannot depend on what they configure.',
  ),
]

const types = [
  {
    name: 'policy-is-asked-through-the-core',
    severity: 'error',
    comment: 'Rules are data that formats and stores may carry; each decision is asked for in one place, the core.',
    from: { path: '^src/(formats|storage)/', pathNot: TEST },
    to: { path: '^src/policy/', dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'api-takes-types-from-the-core',
    severity: 'error',
    comment: 'Clients bundle the API description, and the core must not come along with it.',
    from: { path: '^src/api/', pathNot: TEST },
    to: { path: REGISTRY, dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'nobody-imports-the-wiring',
    severity: 'error',
    comment: 'The files directly below src know every part, so a part that knew them back could reach any other.',
    from: { path: '^src/[^/]+/', pathNot: TEST },
    to: { path: '^src/[^/]+\\.ts$' },
  },
]

/** Libraries without any input or output that policy may use. */
const PURE = ['ipaddr.js']

const libraries = [
  {
    name: 'policy-has-no-node-modules',
    severity: 'error',
    comment: 'Policy is pure: without files, network, processes and a clock the same facts give the same decision.',
    from: { path: '^src/policy/', pathNot: TEST },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'policy-uses-listed-libraries',
    severity: 'error',
    comment: 'A library may hide input or output, so those that policy uses are listed one by one.',
    from: { path: '^src/policy/', pathNot: TEST },
    to: { path: 'node_modules/', pathNot: PURE.map((each) => `node_modules/${each.replaceAll('.', '\\.')}/`) },
  },
  library(
    'undici-in-outbound',
    ['undici'],
    ['^src/outbound/'],
    'A second HTTP client would be a way out that is not guarded.',
  ),
  {
    name: 'node-http-clients-in-outbound',
    severity: 'error',
    comment: 'Sockets of Node itself are a way out too; elsewhere only their types are of use, and the server listens.',
    from: { path: '^src/(policy|registry|formats|upstream|events|storage|auth|api)/', pathNot: TEST },
    to: {
      path: '^(node:)?(https?|http2|net|tls|dgram)$',
      dependencyTypes: ['core'],
      dependencyTypesNot: ['type-only'],
    },
  },
  library(
    'databases-in-storage',
    ['better-sqlite3', 'kysely', 'pg'],
    ['^src/storage/sql/'],
    'SQL stands in one folder, so there is one set of queries for both databases.',
  ),
  library('jose-in-auth', ['jose'], ['^src/auth/'], 'Tokens are made and verified in one place.'),
  library(
    'file-readers-in-formats',
    ['semver', 'yauzl', '@fastify/busboy', 'htmlparser2'],
    ['^src/formats/[^/]+/'],
    'How versions, archives, forms and pages look is the business of a format.',
  ),
  library(
    'tar-in-formats-and-backups',
    ['tar-stream'],
    ['^src/formats/[^/]+/', '^src/storage/(backup|restore)\\.ts$'],
    'Archives are read where packages are understood; a backup, which is one file of many, is the other place.',
  ),
  library(
    'hono-in-server-and-formats',
    ['hono', '@hono/node-server'],
    ['^src/server/', '^src/formats/', WIRING],
    'The web framework stays at the edge, where requests come in.',
  ),
  library(
    'zod-in-api',
    ['zod'],
    ['^src/api/'],
    'Shapes of requests are described once, in the API; others import the types.',
  ),
  library(
    'logs-and-metrics-in-server',
    ['pino', 'prom-client'],
    ['^src/server/', WIRING],
    'What happened is logged and counted once, at the boundary that handles it.',
  ),
  library('commander-in-cli', ['commander'], ['^src/cli/'], 'Only the command line has commands.'),
  library(
    'piscina-in-server',
    ['piscina'],
    ['^src/server/', WIRING],
    'Worker threads are started in one place, where their number can be bounded.',
  ),
  library(
    'request-signing-in-s3-and-cli',
    ['aws4fetch'],
    ['^src/storage/blobs/', '^src/cli/'],
    'Requests are signed where a store or a client sends them; the server verifies with its own code.',
  ),
]

const general = [
  {
    name: 'no-cycles',
    severity: 'error',
    comment: 'Files that import each other in a circle can only be understood together.',
    from: { path: '^src/' },
    to: { circular: true },
  },
  {
    name: 'no-test-code-in-src',
    severity: 'error',
    comment: 'What only tests use is not part of the program.',
    from: { path: '^src/', pathNot: TEST },
    to: { path: ['^(test|bench)/', TEST, 'node_modules/(vitest|@vitest)/'] },
  },
  {
    name: 'no-development-dependencies-in-src',
    severity: 'error',
    comment: 'What is built in is named in package.json as such; all other development dependencies are tools.',
    from: { path: '^src/', pathNot: TEST },
    to: {
      dependencyTypes: ['npm-dev'],
      dependencyTypesNot: ['type-only', 'npm'],
      pathNot: `node_modules/(@types|${BUILT_IN.join('|')})/`,
    },
  },
  {
    name: 'no-unlisted-dependencies',
    severity: 'error',
    comment: 'A package that package.json does not name may be gone with the next install.',
    from: { path: '^src/' },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'no-unresolvable-imports',
    severity: 'error',
    comment: 'An import that leads nowhere fails when its file is loaded, which may be late.',
    from: { path: '^src/' },
    to: { couldNotResolve: true },
  },
]

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...folders, ...types, ...libraries, ...general],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
