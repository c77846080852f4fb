/** @jest-config-loader esbuild-register */
import { availableParallelism } from 'node:os'
import type { Config } from 'jest'

const config: Config = {
  // Tests start real processes, several at a time, on machines that may be busy.
  testTimeout: 20_000,
  // More than half of the time a suite waits for leases, not for a processor: five suites share two.
  maxWorkers: Math.floor(2.5 * availableParallelism()),
  testSequencer: '<rootDir>/spec/support/long-first.js',
  // So do the tests of a suite that run side by side.
  maxConcurrency: 10,
  testMatch: ['<rootDir>/spec/**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
  // For `npm run coverage`, which runs the quick tests that reach nearly all of the protocol and the locks.
  coverageProvider: 'v8',
  coverageDirectory: 'node_modules/.cache/spicelock/coverage',
  coverageReporters: ['text', 'html'],
  collectCoverageFrom: [
    'lib/{protocol,lock}/**/*.ts',
    // Types only: there is nothing in them to run.
    '!lib/lock/hold/held-lock.ts',
    '!lib/lock/options/{lock-options,lock-target}.ts',
    '!lib/protocol/request.ts',
  ],
  // Just below what is measured. Code that brings it down is tested, or removed.
  coverageThreshold: {
    global: {},
    'lib/protocol/': { statements: 97, branches: 95 },
    'lib/lock/': { statements: 97, branches: 94 },
  },
}

export default config
