import type { MethodDefinition } from '@grpc/grpc-js'
import { Etcd3 } from 'etcd3'

type Message = Record<string, unknown>

/** etcd3's own encoding of a transaction and of its answer, by protobufjs and etcd's rpc.proto. */
const { Txn } = etcd3Service()

export const readRequest = (bytes: Buffer): Message => Txn.requestDeserialize(bytes)
export const writeRequest = (message: Message): Buffer => Txn.requestSerialize(message)
export const readResponse = (bytes: Buffer): Message => Txn.responseDeserialize(bytes)
export const writeResponse = (message: Message): Buffer => Txn.responseSerialize(message)

function etcd3Service(): { Txn: MethodDefinition<Message, Message> } {
  const client = new Etcd3()
  const { hosts } = (client as unknown as { pool: { hosts: [{ getServiceClient(name: string): object }] } })
    .pool
  const { service } = hosts[0].getServiceClient('KV').constructor as unknown as {
    service: { Txn: MethodDefinition<Message, Message> }
  }
  client.close()
  return service
}
