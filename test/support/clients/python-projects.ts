import type { PypiClientName } from './pypi-clients.ts'

type Env = Readonly<Record<string, string>>

/** pyproject.toml of a project that depends on one other. */
export const projectFile = (dependency: string, ...more: readonly string[]): string =>
  [
    '[project]',
    'name = "app"',
    'version = "1.0.0"',
    'requires-python = ">=3.11"',
    `dependencies = ["${dependency}"]`,
    ...more,
    '',
  ].join('\n')

/** With the index as its source `granary`. */
export const poetryFile = (dependency: string, index: string): string =>
  projectFile(
    dependency,
    '[tool.poetry]',
    'package-mode = false',
    '[[tool.poetry.source]]',
    'name = "granary"',
    `url = "${index}"`,
  )

export const pdmFile = (dependency: string): string => projectFile(dependency, '[tool.pdm]', 'distribution = false')

export const NEW_VENV = ['python3', '-m', 'venv', '--without-pip', '.venv'] as const

/** A client that installs one project into `.venv`, with the token in its environment. */
export type PythonInstaller = {
  readonly name: PypiClientName
  readonly files: () => Readonly<Record<string, string>>
  readonly env: (token: string) => Env
  readonly install: readonly (readonly string[])[]
}

/** @param index the address of the index, without a log-in; asked once the server runs. */
export function pythonInstallers(dependency: string, index: () => string): readonly PythonInstaller[] {
  const withToken = (token: string) => index().replace('://', `://aws:${token}@`)
  const pip = (name: PypiClientName): PythonInstaller => ({
    name,
    files: () => ({}),
    env: (token) => ({ PIP_INDEX_URL: withToken(token) }),
    install: [NEW_VENV, ['pip', 'install', dependency]],
  })
  return [
    pip('pip-20'),
    pip('pip-23'),
    pip('pip-26'),
    {
      name: 'uv',
      files: () => ({ 'pyproject.toml': projectFile(dependency) }),
      env: (token) => ({ UV_DEFAULT_INDEX: withToken(token) }),
      install: [['uv', 'sync']],
    },
    {
      name: 'poetry',
      files: () => ({ 'pyproject.toml': poetryFile(dependency, index()) }),
      env: (token) => ({ POETRY_HTTP_BASIC_GRANARY_USERNAME: 'aws', POETRY_HTTP_BASIC_GRANARY_PASSWORD: token }),
      install: [['poetry', 'install']],
    },
    {
      name: 'pdm',
      files: () => ({ 'pyproject.toml': pdmFile(dependency) }),
      env: (token) => ({ PDM_PYPI_URL: index(), PDM_PYPI_USERNAME: 'aws', PDM_PYPI_PASSWORD: token }),
      install: [['pdm', 'install']],
    },
  ]
}
