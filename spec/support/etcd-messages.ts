import type { MethodDefinition } from '@grpc/grpc-js'
import { Etcd3 } from 'etcd3'

type Message = Record<string, unknown>

/** etcd3's own encoding, by protobufjs and etcd's rpc.proto. */
const { Txn } = serviceOf('KV')
const { Watch } = serviceOf('Watch')
const { Status } = serviceOf('Maintenance')
const { MemberList } = serviceOf('Cluster')

export const readRequest = (bytes: Buffer): Message => Txn!.requestDeserialize(bytes)
export const writeResponse = (message: Message): Buffer => Txn!.responseSerialize(message)
export const readWatchRequest = (bytes: Buffer): Message => Watch!.requestDeserialize(bytes)
export const writeWatchResponse = (message: Message): Buffer => Watch!.responseSerialize(message)
export const writeStatusResponse = (message: Message): Buffer => Status!.responseSerialize(message)
export const writeMemberList = (message: Message): Buffer => MemberList!.responseSerialize(message)

function serviceOf(name: string): Record<string, MethodDefinition<Message, Message>> {
  const client = new Etcd3()
  const { hosts } = (client as unknown as { pool: { hosts: [{ getServiceClient(name: string): object }] } })
    .pool
  const { service } = hosts[0].getServiceClient(name).constructor as unknown as {
    service: Record<string, MethodDefinition<Message, Message>>
  }
  client.close()
  return service
}
