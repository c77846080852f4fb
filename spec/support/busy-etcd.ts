import { Server, ServerCredentials, status, type UntypedHandleCall } from '@grpc/grpc-js'

const asIs = (bytes: Buffer): Buffer => bytes

/** What answers every transaction that it is not available, as etcd does without a leader, and counts them. */
export class BusyEtcd {
  calls = 0
  endpoint = ''
  private readonly server = new Server()

  private constructor() {
    const refuse: UntypedHandleCall = (_call: unknown, answer: (error: object) => void) => {
      this.calls++
      answer({ code: status.UNAVAILABLE, details: 'etcdserver: no leader' })
    }
    const path = '/etcdserverpb.KV/Txn'
    const codec = {
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    }
    const service = { txn: { path, requestStream: false, responseStream: false, ...codec } }
    this.server.addService(service, { txn: refuse })
  }

  static async start(): Promise<BusyEtcd> {
    const etcd = new BusyEtcd()
    const port = await new Promise<number>((resolve, reject) => {
      etcd.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
    etcd.endpoint = `http://127.0.0.1:${port}`
    return etcd
  }

  close(): void {
    this.server.forceShutdown()
  }
}
