import { UNLIMITED, type Connection } from '../registry/model.ts'
import type { ConnectionName } from '../registry/names.ts'

/**
 * The connections that every installation has. This is the one place where the addresses of the public registries stand;
 * an operator may put a mirror in their place. A mirror serves its files itself, or from anywhere public.
 */
export function publicConnections(
  overrides: { readonly npmjs?: string; readonly pypi?: string } = {},
): readonly Connection[] {
  return [
    builtIn('public:npmjs', 'npm', overrides.npmjs ?? 'https://registry.npmjs.org/', []),
    builtIn(
      'public:pypi',
      'pypi',
      overrides.pypi ?? 'https://pypi.org/simple/',
      overrides.pypi ? [] : ['https://files.pythonhosted.org'],
    ),
  ]
}

function builtIn(name: string, format: Connection['format'], url: string, fileOrigins: readonly string[]): Connection {
  return {
    name: name as ConnectionName,
    format,
    url: url.endsWith('/') ? url : `${url}/`,
    fileOrigins,
    credentials: null,
    builtIn: true,
    ...UNLIMITED,
  }
}
