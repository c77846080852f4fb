/** Where the length of a message goes, which is known only at its end. Padded varints are valid, and etcd never keeps ours. */
const LENGTH_BYTES = 4
/** A text up to so many UTF-16 units is written unit by unit: below, a call of the native encoder costs more. */
const SHORT_TEXT = 64
/** The buffer that is kept for the next use; a rare larger one is not. */
const [FIRST_BYTES, MOST_KEPT_BYTES] = [16_384, 262_144]

/**
 * Writes protobuf's wire format (https://protobuf.dev/programming-guides/encoding) into one buffer that grows and is used
 * again: what it returns is a copy. Tags are given as they are on the wire, `field << 3 | wire type`.
 */
export class ProtoWriter {
  private buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  private at = 0

  /** Forgets what was written, which may have failed half-way. */
  begin(): void {
    this.at = 0
  }

  /** A copy of what was written. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.at)
    this.buffer.copy(taken, 0, 0, this.at)
    if (this.buffer.length > MOST_KEPT_BYTES) this.buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
    return taken
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint(tag: number, value: number): void {
    this.ensure(10)
    this.varint(tag)
    this.varint(value)
  }

  /** Any int64; negative ones take ten bytes. */
  int64(tag: number, value: bigint): void {
    this.ensure(20)
    this.varint(tag)
    // Each operation on a bigint makes another: the rest is done with the halves.
    let low = Number(BigInt.asUintN(32, value))
    let high = Number(BigInt.asUintN(32, value >> 32n))
    while (high > 0) {
      this.buffer[this.at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    this.varint(low)
  }

  text(tag: number, text: string): void {
    this.ensure(10 + text.length * 3)
    this.varint(tag)
    if (text.length > SHORT_TEXT || !this.ascii(text)) this.utf8(text)
  }

  bytes(tag: number, bytes: Buffer): void {
    this.ensure(10 + bytes.length)
    this.varint(tag)
    this.varint(bytes.length)
    this.at += bytes.copy(this.buffer, this.at)
  }

  /** Begins a message; returns what {@link close} is to be given at its end. */
  open(tag: number): number {
    this.ensure(5 + LENGTH_BYTES)
    this.varint(tag)
    const start = this.at
    this.at += LENGTH_BYTES
    return start
  }

  close(start: number): void {
    const length = this.at - start - LENGTH_BYTES
    this.buffer[start] = (length & 0x7f) | 0x80
    this.buffer[start + 1] = ((length >> 7) & 0x7f) | 0x80
    this.buffer[start + 2] = ((length >> 14) & 0x7f) | 0x80
    this.buffer[start + 3] = length >> 21
  }

  /** Returns false, and has written nothing, when the text is not ASCII. */
  private ascii(text: string): boolean {
    const { buffer, at } = this
    const { length } = text
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      buffer[at + 1 + index] = code
    }
    buffer[at] = length
    this.at = at + 1 + length
    return true
  }

  private utf8(text: string): void {
    this.varint(Buffer.byteLength(text))
    this.at += this.buffer.write(text, this.at)
  }

  private varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.buffer[this.at++] = rest
  }

  private ensure(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(2 * (this.at + bytes))
    this.buffer.copy(grown, 0, 0, this.at)
    this.buffer = grown
  }
}
