// An etcd to try the other examples on, with the test kit: a private one, which is gone when this program ends.
//
//   node examples/etcd.mjs
import process from 'node:process'
import { EtcdServer } from 'spicelock/testing'

const etcd = await EtcdServer.start()
const ended = new Promise(resolve => process.once('SIGINT', resolve).once('SIGTERM', resolve))
console.log(`etcd ${etcd.version} runs until you press Ctrl-C. In other terminals:`)
console.log(`export SPICELOCK_ENDPOINTS=${etcd.endpoint}`)
const untilEnded = setInterval(() => {}, 60_000)
await ended
clearInterval(untilEnded)
await etcd.stop()
