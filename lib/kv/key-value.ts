/** An etcd lease ID: an int64 in decimal, kept as text because a JavaScript number would corrupt it. */
export type LeaseId = string

/** One key, or with `end` all keys from `key` up to but without `end`, in the order of their bytes as UTF-8. */
export interface KeyRange {
  readonly key: string
  readonly end?: string
}

/** What is watched. */
export interface WatchedRange extends KeyRange {
  /** Whether its listener has no use for deletes: a store may leave them out, which spares it and us a message each. */
  readonly putsOnly?: boolean
}

/** A key as the store has it. */
export interface KeyValue {
  readonly key: string
  readonly value: string
  /** Revision at which the key came into being; grows with every re-creation. */
  readonly createRevision: bigint
  /** Revision of the last write to the key. */
  readonly modRevision: bigint
  /** The lease whose end deletes the key; undefined when it has none. */
  readonly lease: LeaseId | undefined
}

/** A change of one key: what it is now, or that it is gone, with the revision of the transaction that did it. */
export type KeyEvent =
  | { readonly type: 'put'; readonly kv: KeyValue }
  | { readonly type: 'delete'; readonly key: string; readonly modRevision: bigint }

/** The key that changed. */
export function eventKey(event: KeyEvent): string {
  return event.type === 'put' ? event.kv.key : event.key
}

/** The revision at which it changed. */
export function eventRevision(event: KeyEvent): bigint {
  return event.type === 'put' ? event.kv.modRevision : event.modRevision
}

/** As etcd orders keys: by their bytes as UTF-8, which is the order of their code points. */
export function byBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  return at < length ? rank(a.charCodeAt(at)) - rank(b.charCodeAt(at)) : a.length - b.length
}

/** The halves of what lies beyond U+FFFF come after all else, though their numbers do not. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

export function isWithin(key: string, { key: start, end }: KeyRange): boolean {
  return end === undefined ? key === start : byBytes(key, start) >= 0 && byBytes(key, end) < 0
}

/** Whether a watch of this range tells of this change. */
export function tellsOf({ putsOnly, ...range }: WatchedRange, event: KeyEvent): boolean {
  return isWithin(eventKey(event), range) && (event.type === 'put' || !putsOnly)
}

/** The range of all keys that start with `prefix`, which must end in an ASCII character. */
export function withPrefix(prefix: string): Required<KeyRange> {
  const last = prefix.length - 1
  return { key: prefix, end: prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1) }
}
