/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

const config: Config = {
  // Most of the time the tests wait for leases, not for a processor.
  // Tests start real processes, several at a time, on machines that may be busy.
  testTimeout: 20_000,
  maxWorkers: '100%',
  testMatch: ['<rootDir>/spec/**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
}

export default config
