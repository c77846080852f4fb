/** A length in three bytes, filled in at the end of its message: a padded varint, which is valid. */
const LENGTH_BYTES = 3

/** Writes protobuf's wire format, with tags as they are on the wire. Texts are ASCII, and numbers whole and not negative. */
export class Message {
  private readonly buffer = Buffer.allocUnsafe(1 << 20)
  private at = 0

  /** Forgets what was written. */
  begin(): void {
    this.at = 0
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.at))
  }

  number(tag: number, value: number): void {
    this.varint(tag)
    this.varint(value)
  }

  text(tag: number, text: string): void {
    this.varint(tag)
    this.varint(text.length)
    this.at += this.buffer.write(text, this.at, 'latin1')
  }

  /** What is encoded already: a message, or a varint. */
  raw(tag: number, bytes: Buffer): void {
    this.varint(tag)
    this.at += bytes.copy(this.buffer, this.at)
  }

  /** A message that `write` writes. */
  message(tag: number, write: () => void): void {
    this.varint(tag)
    const start = this.at
    this.at += LENGTH_BYTES
    write()
    const length = this.at - start - LENGTH_BYTES
    this.buffer[start] = (length & 0x7f) | 0x80
    this.buffer[start + 1] = ((length >> 7) & 0x7f) | 0x80
    this.buffer[start + 2] = length >> 14
  }

  private varint(value: number): void {
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.buffer[this.at++] = (rest % 128) | 0x80
    this.buffer[this.at++] = rest
  }
}
