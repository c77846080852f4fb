/** Before each message stand a byte that says whether it is compressed, and its length (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
const PREFIX_BYTES = 5
/** No answer of etcd is so long: somebody else has answered. */
const MOST_BYTES = 2 ** 30

/** A message as it is sent. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  message.copy(frame, PREFIX_BYTES)
  return frame
}

/** Puts messages together again, from pieces that begin and end anywhere. */
export class Unframer {
  private pieces: Buffer[] = []
  private bytes = 0
  /** How many bytes the first message takes; unknown while its prefix is not whole. */
  private wanted = PREFIX_BYTES

  /** The next whole messages. @throws Error when one is compressed, which was not asked for, or is said to be longer than any. */
  push(piece: Buffer): Buffer[] {
    this.pieces.push(piece)
    this.bytes += piece.length
    if (this.bytes < this.wanted) return []
    const bytes = this.pieces.length === 1 ? piece : Buffer.concat(this.pieces)
    const messages: Buffer[] = []
    let at = 0
    for (;;) {
      this.wanted = PREFIX_BYTES
      if (bytes.length - at < PREFIX_BYTES) break
      if (bytes[at] !== 0) throw new Error('The answer of etcd is compressed.')
      const length = bytes.readUInt32BE(at + 1)
      if (length > MOST_BYTES) throw new Error(`The answer of etcd announces ${length} bytes.`)
      this.wanted += length
      if (bytes.length - at < this.wanted) break
      messages.push(bytes.subarray(at + PREFIX_BYTES, at + this.wanted))
      at += this.wanted
    }
    this.bytes = bytes.length - at
    this.pieces = this.bytes > 0 ? [bytes.subarray(at)] : []
    return messages
  }
}
