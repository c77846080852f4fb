import { Client, credentials } from '@grpc/grpc-js'

/** Fields of a protobuf message: bytes for its texts and messages, numbers for its varints. */
export type Fields = readonly (readonly [field: number, value: string | Buffer | bigint])[]

/** Calls of etcd over bare grpc-js, with messages encoded by hand: as little as a client can do. */
export class EtcdCalls {
  private readonly client: Client

  constructor(endpoint: string) {
    this.client = new Client(endpoint.replace('http://', ''), credentials.createInsecure())
  }

  call(method: string, fields: Fields): Promise<Buffer> {
    const same = (bytes: Buffer): Buffer => bytes
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(`/${method}`, same, same, encode(fields), (error, answer) => {
        if (error) reject(new Error(`${method}: ${error.message}`, { cause: error }))
        else resolve(answer!)
      })
    })
  }

  /** A lease that outlives every measurement. */
  async lease(): Promise<bigint> {
    const answer = await this.call('etcdserverpb.Lease/LeaseGrant', [[1, 3600n]])
    return fieldOf(answer, 2) as bigint
  }

  close(): void {
    this.client.close()
  }
}

function encode(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([field, value]) => {
      if (typeof value === 'bigint') return [varint(BigInt(field << 3)), varint(value)]
      const bytes = Buffer.from(value)
      return [varint(BigInt((field << 3) | 2)), varint(BigInt(bytes.length)), bytes]
    }),
  )
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128)
  return Buffer.from([...bytes, Number(value)])
}

/** The value of the first such field. Messages of etcd that are read here hold varints and bytes only. */
export function fieldOf(message: Buffer, wanted: number): bigint | Buffer | undefined {
  let at = 0
  const next = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = message[at++]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = Number(next())
    const number = next()
    const isBytes = (tag & 7) === 2
    if (isBytes) at += Number(number)
    if (tag >> 3 === wanted) return isBytes ? message.subarray(at - Number(number), at) : number
  }
  return undefined
}
