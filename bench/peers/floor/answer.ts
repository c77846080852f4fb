/** What a transaction came to. */
export interface Answer {
  readonly revision: number
  readonly succeeded: boolean
  /** What it has read. */
  readonly read: readonly ReadKey[]
  /** Whether each transaction inside it succeeded. */
  readonly nested: readonly boolean[]
}

export interface ReadKey {
  readonly key: string
  readonly value: string
  readonly create: number
  readonly mod: number
}

/** What a watch tells. */
export interface News {
  /** Whether it says that the watch stands. */
  readonly isCreated: boolean
  readonly puts: readonly ReadKey[]
}

/** Of a `TxnResponse`. */
export function answerOf(bytes: Buffer): Answer {
  const [read, nested]: [ReadKey[], boolean[]] = [[], []]
  let [revision, succeeded] = [0, false]
  fields(bytes, 0, bytes.length, (field, value, end) => {
    if (field === 1) fields(bytes, value, end, (of, number) => void (of === 3 && (revision = number)))
    if (field === 2) succeeded = value === 1
    if (field === 3) fields(bytes, value, end, onResponse)
  })
  return { revision, succeeded, read, nested }

  function onResponse(kind: number, start: number, end: number): void {
    if (kind === 1)
      fields(bytes, start, end, (of, at, to) => void (of === 2 && read.push(keyOf(bytes, at, to))))
    if (kind !== 4) return
    // protobuf leaves out what is false.
    let holds = false
    fields(bytes, start, end, (of, value) => void (of === 2 && (holds = value === 1)))
    nested.push(holds)
  }
}

/** Of a `WatchResponse`. */
export function newsOf(bytes: Buffer): News {
  const puts: ReadKey[] = []
  let isCreated = false
  fields(bytes, 0, bytes.length, (field, value, end) => {
    if (field === 3) isCreated = value === 1
    if (field !== 11) return
    let isDelete = false
    let key: ReadKey | undefined
    fields(bytes, value, end, (of, at, to) => {
      if (of === 1) isDelete = at === 1
      if (of === 2) key = keyOf(bytes, at, to)
    })
    if (key && !isDelete) puts.push(key)
  })
  return { isCreated, puts }
}

function keyOf(bytes: Buffer, start: number, end: number): ReadKey {
  const found = { key: '', value: '', create: 0, mod: 0 }
  fields(bytes, start, end, (field, value, to) => {
    if (field === 1) found.key = bytes.toString('latin1', value, to)
    if (field === 2) found.create = value
    if (field === 3) found.mod = value
    if (field === 5) found.value = bytes.toString('latin1', value, to)
  })
  return found
}

/**
 * Tells each field of a message: a number, or where its bytes begin and end. Numbers beyond 2^53 are not exact; none that is
 * read here is.
 */
function fields(
  bytes: Buffer,
  start: number,
  end: number,
  tell: (field: number, value: number, end: number) => void,
): void {
  let at = start
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }
  while (at < end) {
    const tag = varint()
    const value = varint()
    if ((tag & 7) === 0) tell(tag >> 3, value, 0)
    else {
      const begin = at
      at += value
      tell(tag >> 3, begin, at)
    }
  }
}
