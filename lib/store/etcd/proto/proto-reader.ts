/** Up to here a varint is read as a number: seven bytes of seven bits. */
const NUMBER_BYTES = 7

/** Ten bytes of seven bits hold 64 bits. */
const LONGEST = 10
/** In which the halves of a long number become one: each operation on a bigint would make another. */
const HALVES = new DataView(new ArrayBuffer(8))

/** Reads protobuf's wire format. The caller asks for each tag, and for what it stands for. */
export class ProtoReader {
  private at = 0

  constructor(private readonly buffer: Buffer) {}

  /** Whether something is left before `end`. */
  isBefore(end: number): boolean {
    return this.at < end
  }

  get length(): number {
    return this.buffer.length
  }

  /** A tag, or another number of at most 32 bits. */
  uint(): number {
    const { buffer } = this
    let byte = buffer[this.at++]!
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (this.at >= buffer.length) throw this.cutOff()
      byte = buffer[this.at++]!
      value |= (byte & 0x7f) << shift
    }
    return value >>> 0
  }

  int64(): bigint {
    const { buffer, at } = this
    let value = 0
    let factor = 1
    for (let index = 0; index < NUMBER_BYTES; index++) {
      const byte = buffer[at + index]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        this.at = at + index + 1
        return BigInt(value)
      }
      factor *= 128
    }
    return this.longInt64()
  }

  text(): string {
    const end = this.message()
    const text = this.buffer.toString('utf8', this.at, end)
    this.at = end
    return text
  }

  /** Begins a message: where it ends. @throws Error when it is cut off. */
  message(): number {
    const length = this.uint()
    const end = this.at + length
    if (end > this.buffer.length) {
      throw new Error(`The answer of etcd is cut off: ${this.buffer.length} bytes, and ${end} are announced.`)
    }
    return end
  }

  /** Passes over the field that this tag stands for. @throws Error when there is no such wire type. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        while (this.buffer[this.at++]! >= 0x80);
        return
      case 1:
        this.at += 8
        return
      case 2:
        this.at = this.message()
        return
      case 5:
        this.at += 4
        return
      default:
        throw new Error(`The answer of etcd is no protobuf: wire type ${tag & 7} at byte ${this.at}.`)
    }
  }

  private cutOff(): Error {
    return new Error(`The answer of etcd is cut off in a number, after ${this.buffer.length} bytes.`)
  }

  /** A lease's id is as long as this, and so is that of a cluster. */
  private longInt64(): bigint {
    // Of 28, 28 and 8 bits: what lies beyond the 64 is dropped.
    let low = 0
    let middle = 0
    let top = 0
    for (let index = 0; index < LONGEST; index++) {
      const byte = this.buffer[this.at++]
      if (byte === undefined) break
      const bits = byte & 0x7f
      if (index < 4) low |= bits << (7 * index)
      else if (index < 8) middle |= bits << (7 * (index - 4))
      else top |= bits << (7 * (index - 8))
      if (byte >= 0x80) continue
      HALVES.setUint32(0, (top << 24) | (middle >>> 4))
      HALVES.setUint32(4, (middle << 28) | low)
      return HALVES.getBigInt64(0)
    }
    throw this.cutOff()
  }
}
