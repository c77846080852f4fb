/** Up to here a varint is read as a number: seven bytes of seven bits. */
const NUMBER_BYTES = 7

/** Ten bytes of seven bits hold 64 bits. */
const LONGEST_SHIFT = 63n

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

  private longInt64(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.buffer[this.at++]
      if (byte === undefined || shift > LONGEST_SHIFT) throw this.cutOff()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
  }
}
