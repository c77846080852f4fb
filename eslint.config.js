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

/** What the examples use without an import. */
const OF_NODE = ['AbortController', 'AbortSignal', 'clearInterval', 'console', 'setInterval']

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage', 'api/.declarations'] },
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
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      'prefer-const': 'error',
    },
  },
  { files: ['spec/**/*.ts'], rules: { 'max-lines': 'off' } },
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
