import { access, chmod, mkdir, realpath, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { clientHome, type ClientHome } from './home.ts'
import { isRequired } from './require-client.ts'

/** Where `.ci/run` makes a virtual environment for each file of `.ci/pypi-clients/`, since these programs conflict with each other. */
const clientsFolder =
  process.env.GRANARY_TEST_PYPI_CLIENTS ?? resolve(import.meta.dirname, '../../../.ci/pypi-clients/venvs')

/** Programs of a virtual environment, by the name of its file there. */
const PROGRAMS = {
  'pip-20': ['pip'],
  'pip-23': ['pip'],
  'pip-26': ['pip'],
  uv: ['uv'],
  poetry: ['poetry'],
  pdm: ['pdm'],
  pipenv: ['pipenv'],
  hatch: ['hatch'],
  'pip-tools': ['pip-compile', 'pip-sync'],
  bandersnatch: ['bandersnatch'],
} as const satisfies Record<string, readonly string[]>

export type PypiClientName = keyof typeof PROGRAMS

/** Ends this test as `requireClient` does where the client is missing; otherwise gives the virtual environment that it is in. */
export async function requirePypiClient(
  context: { readonly skip: (note: string) => never },
  name: PypiClientName,
): Promise<string> {
  const venv = join(clientsFolder, name)
  const isThere = await access(join(venv, 'bin', PROGRAMS[name][0])).then(
    () => true,
    () => false,
  )
  if (isThere) return venv
  if (isRequired(name)) throw new Error(`${name} is not installed, and GRANARY_TEST_REQUIRE asks for it`)
  return context.skip(`${name} is not installed`)
}

/** What keeps the clients from asking for anything but packages, and has all of them make `.venv` in the project. */
const QUIET = {
  PIP_NO_INPUT: '1',
  UV_NO_PROGRESS: '1',
  UV_PYTHON_DOWNLOADS: 'never',
  POETRY_VIRTUALENVS_IN_PROJECT: 'true',
  POETRY_NO_INTERACTION: '1',
  PDM_CHECK_UPDATE: '0',
  PDM_NON_INTERACTIVE: '1',
  PIPENV_VENV_IN_PROJECT: '1',
  PIPENV_NOSPIN: '1',
  PIPENV_YES: '1',
  HATCH_INTERACTIVE: '0',
}

/** A home in which that client is what people type, and `python3` the interpreter that it was installed for. All caches lie below it. */
export async function homeWithPypi(name: PypiClientName, venv: string): Promise<ClientHome> {
  const home = await clientHome()
  const bin = join(home.folder, 'bin')
  await mkdir(bin)
  for (const python of ['python3', 'python']) await symlink(await realpath(join(venv, 'bin/python')), join(bin, python))
  for (const program of PROGRAMS[name]) {
    const file = join(venv, 'bin', program)
    if (program === 'pip') await writeProgram(join(bin, program), pipOf(venv))
    else await symlink(file, join(bin, program))
  }
  return { ...home, env: { ...home.env, ...QUIET, PATH: [bin, home.env['PATH']].join(delimiter) } }
}

/** pip installs where it is run from: this one runs for the project's `.venv`, as newer ones do themselves with `--python`. */
const pipOf = (venv: string): string =>
  `#!/bin/sh\nexec .venv/bin/python "$(echo ${venv}/lib/python3*/site-packages/pip)" "$@"\n`

/** For everybody to run. */
export async function writeProgram(file: string, text: string): Promise<void> {
  await writeFile(file, text)
  await chmod(file, 0o755)
}
