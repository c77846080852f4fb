import { EtcdServer } from '../../lib/testing/index.js'

/** Starts etcd, tells about it, and never stops it: `wait` waits to be killed, `exit` exits, `end` just ends. */
const server = await EtcdServer.start()
process.stdout.write(`${JSON.stringify({ pid: server.pid, dataDir: server.dataDir })}\n`, () => {
  const how = process.argv[2]
  if (how === 'exit') process.exit()
  if (how === 'wait') setInterval(() => undefined, 60_000)
  if (how === 'pause') void server.pause().then(() => process.exit())
})
