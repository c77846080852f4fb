import { EtcdCalls, fieldOf } from '../peers/etcd-calls.js'

/** Resolves when an etcd has removed all that does not stand any more. It would do so now and then by itself, in the midst of a load. */
export async function compact(endpoint: string): Promise<void> {
  const calls = new EtcdCalls(endpoint)
  try {
    const read = await calls.call('etcdserverpb.KV/Range', [[1, 'x']])
    const revision = fieldOf(fieldOf(read, 1) as Buffer, 3) as bigint
    // `physical`: the answer comes when it is done. Where nothing was written since, there is nothing to remove.
    await calls
      .call('etcdserverpb.KV/Compact', [
        [1, revision],
        [2, 1n],
      ])
      .catch((error: Error) => {
        if (!error.message.includes('has been compacted')) throw error
      })
  } finally {
    calls.close()
  }
}
