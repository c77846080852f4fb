/** Where the length of a message goes, which is known only at its end. Padded varints are valid, and etcd never keeps ours. */
const LENGTH_BYTES = 4
/** A text up to so many UTF-16 units is written unit by unit: for so few, a call of the native encoder costs more. */
const SHORT_TEXT = 24
const [TWO_32, NOUGHT] = [2 ** 32, 0x30]
/** What is written goes one after the other into a buffer of so many bytes, or of more for what is larger. */
const CHUNK_BYTES = 262_144

/**
 * Writes protobuf's wire format (https://protobuf.dev/programming-guides/encoding). What it returns is part of a larger buffer, and is never written to
 * again. Tags are given as they are on the wire, `field << 3 | wire type`.
 */
export class ProtoWriter {
  private buffer = Buffer.alloc(0)
  /** Where what is being written begins, and where it goes on. */
  private start = 0
  private at = 0

  /** Forgets what was written and not taken, which may have failed half-way. */
  begin(): void {
    this.at = this.start
  }

  /** What was written. */
  take(): Buffer {
    const taken = this.buffer.subarray(this.start, this.at)
    this.start = this.at
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
    const number = Number(value)
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER)
      this.halves(tag, number >>> 0, Math.floor(number / TWO_32))
    else this.halves(tag, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)))
  }

  /** An int64 in decimal, by its digits: a bigint in between would cost three times as much. */
  decimal(tag: number, digits: string): void {
    if (digits.startsWith('-')) return this.int64(tag, BigInt(digits))
    let low = 0
    let high = 0
    for (let index = 0; index < digits.length; index++) {
      const sum = low * 10 + digits.charCodeAt(index) - NOUGHT
      low = sum >>> 0
      high = high * 10 + Math.floor(sum / TWO_32)
    }
    this.halves(tag, low, high >>> 0)
  }

  text(tag: number, text: string): void {
    this.ensure(10 + text.length * 3)
    this.varint(tag)
    if (text.length > SHORT_TEXT || !this.ascii(text)) this.utf8(text)
  }

  /** Begins a message; returns what {@link close} is to be given at its end. */
  open(tag: number): number {
    this.ensure(5 + LENGTH_BYTES)
    this.varint(tag)
    const opened = this.at - this.start
    this.at += LENGTH_BYTES
    return opened
  }

  close(opened: number): void {
    const { buffer } = this
    const start = this.start + opened
    const length = this.at - start - LENGTH_BYTES
    buffer[start] = (length & 0x7f) | 0x80
    buffer[start + 1] = ((length >> 7) & 0x7f) | 0x80
    buffer[start + 2] = ((length >> 14) & 0x7f) | 0x80
    buffer[start + 3] = length >> 21
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

  /** First as if it were ASCII, whose length is known. */
  private utf8(text: string): void {
    const start = this.at
    this.varint(text.length)
    const bytes = this.buffer.write(text, this.at)
    if (bytes !== text.length) {
      this.at = start
      this.varint(bytes)
      this.buffer.write(text, this.at)
    }
    this.at += bytes
  }

  /** A number of 64 bits, by its halves: each operation on a bigint would make another. */
  private halves(tag: number, low: number, high: number): void {
    this.ensure(20)
    this.varint(tag)
    while (high > 0) {
      this.buffer[this.at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    this.varint(low)
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
    const written = this.at - this.start
    const next = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, 2 * (written + bytes)))
    this.buffer.copy(next, 0, this.start, this.at)
    this.buffer = next
    this.start = 0
    this.at = written
  }
}
