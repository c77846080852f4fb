import { etcdForTests } from '../../lib/testing/index.js'
import { Measurement } from './measurement.js'
import { type MeasureOptions, measureOptions, USAGE } from './options.js'
import { serve, Served } from './served.js'

async function measure(options: MeasureOptions): Promise<void> {
  const etcd = await etcdForTests()
  try {
    await measureOn(etcd.endpoints, options)
  } finally {
    await etcd.stop()
  }
}

async function measureOn(endpoints: readonly string[], options: MeasureOptions): Promise<void> {
  await using server = await Served.start(endpoints)
  for await (const { what, value } of new Measurement(server, options).readings()) {
    console.log(`${what}: ${value}`)
  }
}

const args = process.argv.slice(2)
if (args[0] === 'role') await serve(JSON.parse(args[2]!) as string[])
else {
  try {
    const options = measureOptions(args)
    if (options) await measure(options)
    else console.log(USAGE)
  } catch (error) {
    console.error(`measure: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
