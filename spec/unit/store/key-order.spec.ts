import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { byBytes } from '../../../lib/kv/key-value.js'

it('keys are in the order of their bytes as UTF-8, whatever they hold', () => {
  // Few letters, so that many keys begin alike; the last comes after the one before it, though its first half does not.
  const letter = fc.constantFrom(
    '',
    'a',
    'b',
    '\0',
    '\u00e9',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
  )
  const key = fc.array(letter, { maxLength: 4 }).map(letters => letters.join(''))
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(Math.sign(byBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { numRuns: 2_000 },
  )
})
