#!/usr/bin/env node
// Run by `webhook` (hooks.json) for each request: the body is in a file, the three headers of Standard Webhooks are in the
// environment. What ends with 0 is answered 200; anything else 500, and then Granary tries again later.
// docs/events.md tells how to set it up.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'

const {
  BODY_FILE = '',
  WEBHOOK_ID = '',
  WEBHOOK_TIMESTAMP = '',
  WEBHOOK_SIGNATURE = '',
  SECRET_FILE = 'secret',
} = process.env

/** Throws unless the bytes were signed with our key within the last five minutes. Only what comes back from here is to be believed. */
const verify = () =>
  new Webhook(readFileSync(SECRET_FILE, 'utf8').trim()).verify(readFileSync(BODY_FILE), {
    'webhook-id': WEBHOOK_ID,
    'webhook-timestamp': WEBHOOK_TIMESTAMP,
    'webhook-signature': WEBHOOK_SIGNATURE,
  })

/** False where the event was seen before: each comes at least once, and its id stays the same. */
function isNew(id) {
  mkdirSync('seen', { recursive: true })
  try {
    writeFileSync(`seen/${id}`, '', { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

/** Does not wait for the build: Granary waits fifteen seconds for its answer. */
async function startBuild({ id, detail }) {
  const log = openSync('build.log', 'a')
  const build = spawn('./build.sh', {
    detached: true,
    stdio: ['ignore', log, log],
    // In the environment nothing that a publisher wrote can become a command, as it could in the text of one.
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      EVENT_ID: id,
      PACKAGE_FORMAT: detail.packageFormat,
      PACKAGE_NAMESPACE: detail.packageNamespace ?? '',
      PACKAGE_NAME: detail.packageName,
      PACKAGE_VERSION: detail.packageVersion,
      REPOSITORY: detail.repositoryName,
    },
  })
  await once(build, 'spawn')
  build.unref()
}

let message
try {
  message = verify()
} catch (error) {
  console.error(`Refused: ${error.message}`)
  process.exit(1)
}
const { type, data } = message
if (type !== 'package_version.created') console.log(`Nothing to do for ${type}`)
else if (!isNew(data.id)) console.log(`${data.id} was seen before`)
else {
  try {
    await startBuild(data)
    console.log(`Started a build for ${data.id}`)
  } catch (error) {
    rmSync(`seen/${data.id}`)
    throw error
  }
}
