/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

const config: Config = {
  // Most of the time the tests wait for leases, not for a processor.
  maxWorkers: '100%',
  testMatch: ['<rootDir>/spec/**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }] },
}

export default config
