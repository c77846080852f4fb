import { etcdForTests } from '../../lib/testing/index.js'
import { Demo } from './demo.js'
import { type DemoOptions, demoOptions, USAGE } from './options.js'
import { table, violationReport } from './summary.js'
import { work, type WorkerTask } from './worker.js'

async function demo(options: DemoOptions): Promise<void> {
  const etcd = await etcdForTests()
  const demo = new Demo(etcd.endpoints, options)
  const how = options.withoutLocks ? 'WITHOUT LOCKS' : 'under locks'
  console.log(`${options.workers} processes enter the same resources ${how}, on ${etcd.endpoints.join(', ')}`)
  try {
    await demo.run()
  } finally {
    await etcd.stop()
  }
  const violations = demo.resources.flatMap(resource => resource.violations)
  console.log(`${table(demo.resources)}\nviolations ${violations.length}`)
  for (const failure of demo.failures) console.error(`FAILED: ${failure}`)
  if (violations.length > 0) console.error(violationReport(violations))
  if (violations.length + demo.failures.length > 0) process.exitCode = 1
}

const args = process.argv.slice(2)
if (args[0] === 'worker') await work(JSON.parse(args[1]!) as WorkerTask)
else {
  try {
    const options = demoOptions(args)
    if (options) await demo(options)
    else console.log(USAGE)
  } catch (error) {
    console.error(`demo: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
