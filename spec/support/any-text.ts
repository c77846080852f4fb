import fc from 'fast-check'

const character = fc
  .integer({ min: 0, max: 0x10_ffff })
  .filter(code => code < 0xd800 || code > 0xdfff)
  .map(code => String.fromCodePoint(code), codeOf)

/**
 * Texts of any characters of Unicode, and of those that JavaScript is known to trip over, such as `__proto__`. They are those of
 * `fc.string({ unit: 'binary' })`, which first makes a table of a million characters, and that takes longer than a test.
 */
export function anyText(lengths: { minLength?: number; maxLength?: number } = {}): fc.Arbitrary<string> {
  return fc.string({ unit: character, ...lengths })
}

/** By this, fast-check knows that a text of its own is made of these characters. */
function codeOf(character: unknown): number {
  if (typeof character !== 'string' || [...character].length !== 1) throw new Error('not one character')
  return character.codePointAt(0)!
}
