/** What etcd was asked by its clients, and what went over its connections to them. */
export interface Traffic {
  /** Messages that clients have sent: calls, and what is said on streams, such as a renewal. */
  readonly calls: number
  /** Of the calls: they count the time that is held or waited, rather than what is done. */
  readonly renewals: number
  /** Both ways. */
  readonly bytes: number
}

/** Since these etcds began. */
export async function trafficOf(endpoints: readonly string[]): Promise<Traffic> {
  const pages = await Promise.all(
    endpoints.map(async endpoint => (await fetch(`${endpoint}/metrics`)).text()),
  )
  return trafficIn(pages.join('\n'))
}

/** Of the text that etcd serves under /metrics. */
export function trafficIn(metrics: string): Traffic {
  const sum = (name: RegExp): number =>
    metrics
      .split('\n')
      .filter(line => name.test(line))
      .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  return {
    calls: sum(/^grpc_server_msg_received_total\{/),
    renewals: sum(/^grpc_server_msg_received_total\{grpc_method="LeaseKeepAlive"/),
    bytes: sum(/^etcd_network_client_grpc_(sent|received)_bytes_total /),
  }
}
