/** The value of an option of a command line. @throws an error that names it. */
export function wholeNumber(option: string, text: string, least: number, most = Infinity): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  if (number >= least && number <= most) return number
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`
  throw new Error(`--${option} must be a whole number ${range}, got '${text}'`)
}
