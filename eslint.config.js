import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** What the scripts of the page use of a browser. */
const BROWSER = [
  ...['CSS', 'EventSource', 'Option', 'URLSearchParams', 'document', 'fetch', 'location', 'performance'],
  ...[
    'requestAnimationFrame',
    'setInterval',
    'setTimeout',
    'AbortSignal',
    'Text',
    'addEventListener',
    'clearTimeout',
  ],
]

/** Where time and chance come from a Clock, so that a simulation decides them. */
const TIMED = ['lib/lock/**/*.ts', 'lib/time/**/*.ts', 'lib/store/retry.ts', 'lib/store/memory/**/*.ts']
const BY_CLOCK =
  'Time, timers and chance come from a Clock (lib/time/clock.ts), ids from a Host (lib/lock/engine/host.ts).'
const banned = names => names.map(name => ({ name, message: BY_CLOCK }))
const bannedOf = (object, ...properties) =>
  properties.map(property => ({ object, property, message: BY_CLOCK }))

/** What the examples use without an import. */
const OF_NODE = ['AbortController', 'AbortSignal', 'clearInterval', 'console', 'setInterval']

export default tseslint.config(
  { ignores: ['dist', 'dist.new', 'node_modules', 'coverage', 'docs/api/.declarations'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'prefer-const': 'error',
    },
  },
  { files: ['spec/**/*.ts'], rules: { 'max-lines': 'off' } },
  {
    files: ['lib/**/*.ts'],
    rules: { 'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: TIMED,
    ignores: ['lib/time/clock.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...banned(['setTimeout', 'setInterval', 'setImmediate', 'performance', 'crypto']),
        ...banned(['clearTimeout', 'clearInterval', 'clearImmediate']),
      ],
      'no-restricted-properties': [
        'error',
        ...[...bannedOf('Date', 'now'), ...bannedOf('Math', 'random'), ...bannedOf('Timestamp', 'now')],
        ...[...bannedOf('AbortSignal', 'timeout'), ...bannedOf('process', 'hrtime', 'uptime')],
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: BY_CLOCK },
      ],
      'no-restricted-imports': [
        'error',
        { paths: banned(['node:timers', 'node:timers/promises', 'node:perf_hooks', 'node:crypto', 'uuid']) },
      ],
    },
  },
  {
    files: ['lib/server/page/static/*.js'],
    languageOptions: {
      globals: Object.fromEntries(BROWSER.map(name => [name, 'readonly'])),
    },
  },
  {
    files: ['examples/**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(OF_NODE.map(name => [name, 'readonly'])),
    },
  },
  { files: ['**/*.cjs'], languageOptions: { globals: { module: 'readonly' } } },
)
