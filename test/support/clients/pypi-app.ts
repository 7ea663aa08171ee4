import { join } from 'node:path'
import type { ClientHome } from './home.ts'
import { run } from './run.ts'

/**
 * Small in bytes, with one of each kind: wheels of many platforms (pydantic-core, markupsafe, wrapt), projects that have only a
 * source distribution (docopt, sgmllib3k), projects that have only pre-releases (OpenTelemetry's instrumentation), and a yanked
 * version (click). Its own dependencies are pinned; what they depend on moves, as in real life.
 */
const SMALL = [
  'click==8.2.2',
  'docopt==0.6.2',
  'feedparser==6.0.12',
  'flask==3.1.3',
  'opentelemetry-instrumentation-flask==0.66b1',
  'pydantic==2.14.2',
]

/** Without those that have many large files: pip-tools downloads all of a version to hash them. */
const TINY = SMALL.filter((one) => !/^(opentelemetry|pydantic)/.test(one))

/** A hundred packages and more, with extras, and a pre-release beside releases. */
const WHOLE = [
  ...SMALL,
  'aiohttp==3.14.5',
  'beautifulsoup4',
  'cachetools',
  'celery==5.5.0rc5',
  'fastapi[standard]==0.163.0',
  'humanize',
  'hypothesis',
  'jsonschema[format]==4.26.0',
  'marshmallow',
  'more-itertools',
  'prettytable',
  'pyjwt',
  'pytest-cov',
  'pytest-xdist',
  'python-slugify',
  'requests-oauthlib',
  'structlog',
  'tabulate',
  'tenacity',
  'tomlkit',
  'tqdm',
  'xmltodict',
]

const LOAD_TINY = `
import docopt, feedparser, flask

app = flask.Flask('app')
app.get('/')(lambda: {'n': 4})
assert app.test_client().get('/').json == {'n': 4}
feed = '<rss version="2.0"><channel><title>a</title></channel></rss>'
assert feedparser.parse(feed).feed.title == 'a'
assert docopt.docopt('Usage: app NAME', ['x']) == {'NAME': 'x'}
`

const LOAD_SMALL = `${LOAD_TINY}
import pydantic
from opentelemetry.instrumentation.flask import FlaskInstrumentor

class Answer(pydantic.BaseModel):
    n: int

traced = flask.Flask('traced')
FlaskInstrumentor().instrument_app(traced)
traced.get('/')(lambda: Answer(n='4').model_dump())
assert traced.test_client().get('/').json == {'n': 4}
`

const LOAD_WHOLE = `${LOAD_SMALL}
import aiohttp, bs4, celery, fastapi, fastapi.testclient, hypothesis, jsonschema, marshmallow

api = fastapi.FastAPI()
api.get('/')(lambda: {'n': 4})
assert fastapi.testclient.TestClient(api).get('/').json() == {'n': 4}
@celery.Celery('app', broker='memory://').task
def following(n):
    return n + 1
assert following.apply((3,)).get() == 4
jsonschema.validate('ab@c.de', {'format': 'email'}, format_checker=jsonschema.FormatChecker())
assert bs4.BeautifulSoup('<p>a</p>', 'html.parser').p.text == 'a'
`

/** An application: what it asks for, how many packages it has at least, and a program that uses them. */
export type PypiApp = {
  readonly requirements: readonly string[]
  readonly packages: number
  readonly program: string
}

export const TINY_APP: PypiApp = { requirements: TINY, packages: 8, program: LOAD_TINY }
export const SMALL_APP: PypiApp = { requirements: SMALL, packages: 20, program: LOAD_SMALL }
export const WHOLE_APP: PypiApp = { requirements: WHOLE, packages: 100, program: LOAD_WHOLE }

export const requirementsIn = ({ requirements }: PypiApp): string => `${requirements.join('\n')}\n`

export const pyproject = ({ requirements }: PypiApp, ...more: readonly string[]): string =>
  [
    '[project]',
    'name = "app"',
    'version = "1.0.0"',
    'requires-python = ">=3.11"',
    `dependencies = ${JSON.stringify(requirements)}`,
    ...more,
    '',
  ].join('\n')

const LIST = `
from importlib.metadata import distributions
print('\\n'.join(sorted(f"{d.name.lower().replace('_', '-').replace('.', '-')}=={d.version}" for d in distributions())))
`

/** Runs the application in the project's `.venv`; gives what is installed there, `name==version`. */
export async function useApp(home: ClientHome, project: string, app: PypiApp): Promise<readonly string[]> {
  const python = join(project, '.venv/bin/python')
  const program = `${app.program}\n${LIST}`
  const { code, stdout, stderr } = await run(python, ['-c', program], { cwd: project, env: home.env })
  if (code !== 0) throw new Error(`The application does not run: ${stderr}`)
  return stdout.trim().split('\n')
}
