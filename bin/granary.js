#!/usr/bin/env node
// Old syntax only: this file must load on any Node.js from 12 on, to say which one is needed or to find it.
import { spawn } from 'child_process'
import { existsSync } from 'fs'
import { constants } from 'os'
import { dirname, join, sep } from 'path'
import { fileURLToPath, pathToFileURL } from 'url'

var NEEDED = 24
// What works on the machine itself, beside the store; everything else, and all help, is the client's of the API.
var ON_THE_MACHINE = ['serve', 'config', 'backup', 'restore', 'fsck', 'recover-key']

var root = dirname(dirname(fileURLToPath(import.meta.url)))
var args = process.argv.slice(2)

if (Number(process.version.slice(1).split('.')[0]) >= NEEDED) start()
else startWithPinnedNode()

function start() {
  // Node strips types from .ts files, but not below node_modules: an installed package brings compiled files instead.
  var isCheckout = existsSync(join(root, 'src')) && root.split(sep).indexOf('node_modules') < 0
  var folder = join(root, isCheckout ? 'src' : 'dist')
  var isServers = ON_THE_MACHINE.indexOf(args[0]) >= 0 && args.indexOf('--help') < 0 && args.indexOf('-h') < 0
  var file = (isServers ? 'main' : 'cli/main') + (isCheckout ? '.ts' : '.js')
  import(pathToFileURL(join(folder, file)).href)
    .then(function (program) {
      return program.main(args)
    })
    .then(exitWhenWritten, function (error) {
      console.error((error && error.stack) || error)
      exitWhenWritten(1)
    })
}

// process.exit alone would cut off what a pipe has not taken yet.
function exitWhenWritten(code) {
  process.stdout.write('', function () {
    process.stderr.write('', function () {
      process.exit(code)
    })
  })
}

function startWithPinnedNode() {
  var pinned = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(pinned) || pinned === process.execPath) {
    console.error(
      'granary needs Node.js ' +
        NEEDED +
        ' or newer and this is ' +
        process.version +
        ' (' +
        process.execPath +
        '). ' +
        'Install a newer one, or run `npm ci` in a checkout of granary, which brings one along.',
    )
    process.exit(1)
  }
  var child = spawn(pinned, [fileURLToPath(import.meta.url)].concat(args), { stdio: 'inherit' })
  // A terminal sends Ctrl+C to both processes, and a second one would mean "at once": then it is not passed on.
  var hasTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  ;['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      if (signal !== 'SIGINT' || !hasTerminal) child.kill(signal)
    })
  })
  child.on('error', function (error) {
    console.error('granary could not start ' + pinned + ': ' + error.message)
    process.exit(1)
  })
  child.on('exit', function (code, signal) {
    process.exit(signal ? 128 + constants.signals[signal] : code)
  })
}
