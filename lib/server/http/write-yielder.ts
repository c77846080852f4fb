import { setImmediate } from 'node:timers/promises'

/** After so many bytes the sockets get their turn. */
const BURST_BYTES = 65_536

/** What happens at once is sent in pieces that sockets can take, and is not taken for what their clients do not read. */
export class WriteYielder {
  private bytes = 0

  async sent(bytes: number): Promise<void> {
    this.bytes += bytes
    if (this.bytes < BURST_BYTES) return
    this.bytes = 0
    await setImmediate()
  }
}
