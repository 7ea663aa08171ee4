import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientHome, searchPath, type ClientHome } from '../support/clients/home.ts'
import { requireClient, type ClientName } from '../support/clients/require-client.ts'
import { run, type Finished } from '../support/clients/run.ts'
import { freePort } from '../support/free-port.ts'
import { readShellBlocks, type ShellBlock } from '../support/shell-blocks.ts'

// The README's tour, typed as it stands there into one terminal, by somebody who starts in Granary's folder and goes back to it
// where the text says so. Only the address, the folder of state and /tmp are others, so that it does not meet a person's own.

const CHECKOUT = resolve(import.meta.dirname, '../..')

const TOUR = readShellBlocks(readFileSync(join(CHECKOUT, 'README.md'), 'utf8'), 'The tour: five minutes')

/** By the heading that a block stands under: what it takes, and what is to be seen. */
const STOPS: readonly { under: string; needs: readonly ClientName[]; shows: readonly RegExp[] }[] = [
  {
    under: 'Install npm packages',
    needs: ['npm', 'npx'],
    shows: [/Configured npm for http:\S+\/npm\/local\/main\//, /added \d\d packages/],
  },
  {
    under: 'Install Python packages',
    needs: ['npx', 'python3'],
    shows: [/Configured pip for http:\S+\/pypi\/local\/main\//, /Successfully installed .*requests-\d/],
  },
  { under: 'Publish', needs: ['npm'], shows: [/^\+ @acme\/hello@1\.0\.0$/m, /added 1 package/] },
  { under: 'Publish', needs: ['npx'], shows: [/^Reserved npm:@acme\/ in local$/m] },
  {
    under: 'With the AWS CLI',
    needs: ['npm', 'aws'],
    shows: [/Successfully configured npm/, /"package": "express"/, /"namespace": "acme"/, /"package": "requests"/],
  },
  {
    under: 'Hold something back',
    needs: ['npm', 'npx'],
    shows: [/^Created rule \S+: npm:left-pad@1\.3\.0 held back in local$/m, /^1\.2\.0$/m],
  },
  {
    under: 'Let another account in',
    needs: ['npx'],
    shows: [/^Created arn:aws:iam::222233334444:user\/bob$/m, /^DENIED/m],
  },
  { under: 'Let another account in', needs: ['npx', 'aws'], shows: [/^ALLOWED/m] },
  {
    under: 'Start a build with each new version',
    needs: ['npx', 'npm', 'webhook'],
    shows: [/^\+ @acme\/hello@1\.1\.0$/m, /^Building for npm acme hello 1\.1\.0 in main \(event /m],
  },
  {
    under: 'Operate',
    needs: ['npx'],
    shows: [
      /^port .* GRANARY_PORT$/m,
      /^Wrote \S+granary-backup\.tar: /m,
      /^Sound: \d+ files/m,
      /Installation Created/,
    ],
  },
]

it('has a stop here for each block of the tour', () => {
  expect(TOUR.map(({ heading }) => heading)).toEqual(STOPS.map(({ under }) => under))
})

describe('the tour', () => {
  let home: ClientHome
  let data = ''
  let server: { readonly url: string; readonly child: ChildProcess }
  let folder = CHECKOUT
  let receiverPort = 0

  beforeAll(async () => {
    receiverPort = await freePort()
    home = await clientHome()
    data = await mkdtemp(join(tmpdir(), 'granary-tour-'))
    server = await startAsWritten(data)
  })
  afterAll(async () => {
    await end(server.child)
    await home[Symbol.asyncDispose]()
    await rm(data, { recursive: true, force: true, maxRetries: 5 })
  })

  /** Types a block into the same terminal as those before it: its folder and what they exported are still there. */
  async function type({ before, commands }: ShellBlock): Promise<Finished> {
    const [, allowed] = /`GRANARY_ALLOW_PRIVATE_TARGETS=(\S+) npm start`/.exec(before) ?? []
    if (allowed !== undefined) {
      await end(server.child)
      server = await startAsWritten(data, {
        GRANARY_ALLOW_PRIVATE_TARGETS: allowed,
        GRANARY_PORT: new URL(server.url).port,
      })
    }
    const temporary = join(home.folder, 'tmp')
    const typed = commands
      .replaceAll('http://127.0.0.1:8787', server.url)
      .replaceAll(/(?<=127\.0\.0\.1:|-port )9000/g, String(receiverPort))
      .replaceAll('$PWD/data/', '$GRANARY_DATA/')
      .replaceAll(/(?<![\w/])\/tmp\//g, `${temporary}/`)
    const kept = join(home.folder, 'exported')
    const script = [
      `. ${kept}; mkdir -p ${temporary}; cd "${/\bin Granary's folder\b/.test(before) ? CHECKOUT : folder}"`,
      typed,
      `export -p > ${kept}; pwd > ${kept}.folder`,
    ].join('\n')
    await writeFile(kept, '', { flag: 'a' })
    const env = { ...home.env, GRANARY_URL: server.url, GRANARY_DATA: data }
    const finished = await run('bash', ['-e', '-c', script], { cwd: CHECKOUT, env, timeout: 180_000 })
    if (finished.code === 0) folder = (await readFile(`${kept}.folder`, 'utf8')).trim()
    return finished
  }

  it.for(TOUR.map((block, at) => ({ ...block, needs: STOPS[at]?.needs ?? [], shows: STOPS[at]?.shows ?? [] })))(
    'works as written: $heading',
    async ({ needs, shows, ...block }, context) => {
      for (const client of needs) await requireClient(context, client)
      const finished = await type(block)
      expect(finished, finished.stdout + finished.stderr).toMatchObject({ code: 0 })
      for (const line of shows) expect(finished.stdout + finished.stderr).toMatch(line)
    },
  )
})

/** `npm start`, with the Node.js and npm that the machine has. */
async function startAsWritten(
  data: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ url: string; child: ChildProcess }> {
  const own = Object.entries(process.env).filter(([name]) => !/^(GRANARY_|AWS_|VITEST|npm_|NODE_OPTIONS)/.test(name))
  const env = {
    ...Object.fromEntries(own),
    PATH: searchPath().join(delimiter),
    GRANARY_DATA: data,
    GRANARY_PORT: '0',
    ...more,
  }
  // A group of its own: npm starts a shell, which starts the server.
  const child = spawn('npm', ['start'], { cwd: CHECKOUT, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let said = ''
  child.stderr.on('data', (chunk) => (said += chunk))
  const url = await new Promise<string>((serves, failed) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said += `${line}\n`
      const [, address] = /"url":"([^"]+)".*"msg":"serving"/.exec(line) ?? []
      if (address !== undefined) serves(address)
    })
    child.once('error', failed)
    child.once('exit', (code) => failed(new Error(`npm start ended with ${code}: ${said}`)))
  })
  return { url, child }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  process.kill(-child.pid, 'SIGTERM')
  await once(child, 'exit')
}
