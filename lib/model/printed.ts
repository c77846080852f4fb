/** Node's `util.inspect.custom`, which other systems ignore. */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom')

export type Inspect = (value: unknown, options: unknown) => string

/**
 * Lets the instances of a class print small, and without the secrets that they hold: `JSON.stringify`, `util.inspect` and
 * with it `console.log` show what `describe` makes of them.
 */
export function printAs<T extends object>(
  { prototype }: { readonly prototype: T },
  name: string,
  describe: (self: T) => object,
): void {
  hide(prototype, 'toJSON', function (this: T) {
    return jsonOf(describe(this))
  })
  hide(prototype, INSPECT, function (this: T, _depth: number, options: unknown, inspect: Inspect) {
    return `${name} ${inspect(describe(this), options)}`
  })
}

/**
 * A plain object that `JSON.stringify` takes, though it holds tokens and revisions as bigints: they become decimal strings,
 * since JSON's numbers would corrupt them. A copy of it, as `{...object}`, has that no more.
 */
export function withJson<T extends object>(object: T): T {
  hide(object, 'toJSON', function (this: T) {
    return jsonOf({ ...this })
  })
  return object
}

/** With bigints as decimal strings. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonOf)
  const { toJSON } = value as { readonly toJSON?: unknown }
  if (typeof toJSON === 'function') return toJSON.call(value) as unknown
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonOf(each)]))
}

function hide(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: false, configurable: true, writable: true })
}
