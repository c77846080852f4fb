import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RelukkoServer } from '../../lib/server/server.js'

/** A process that serves on a free port, tells its parent where, and answers each message with what its heap holds. */
const { endpoints, key } = JSON.parse(process.argv[2]!) as MeasuredServerOptions

setFlagsFromString('--expose-gc')
const COLLECTIONS = 5
const collect = runInNewContext('gc') as () => void

const server = await RelukkoServer.create({ config: { endpoints }, apiKeys: { test: key } })
process.on('message', () => {
  // Code that was used last a while ago goes with the fifth time.
  for (let time = 0; time < COLLECTIONS; time++) collect()
  process.send!(process.memoryUsage().heapUsed)
})
process.on('disconnect', () => void server.close())
process.send!(await server.listen({ port: 0 }))

export interface MeasuredServerOptions {
  readonly endpoints: readonly string[]
  readonly key: string
}
