import { isDeepStrictEqual } from 'node:util'
import { expect } from '@jest/globals'

/**
 * `expect(actual).toEqual(expected)`, for what is checked many thousands of times: there, `expect` takes more time than all that is
 * checked. It is called only for what is not strictly equal, and then decides and tells the difference.
 */
export function expectEqual(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}
