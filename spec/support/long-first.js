import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import Sequencer from '@jest/test-sequencer'

const root = resolve(import.meta.dirname, '../..')

/** Seconds that the longest suites take, for a machine that has not run them yet. What counts is their order. */
const SECONDS = {
  'spec/server/page.spec.ts': 60,
  'spec/faults/cluster.spec.ts': 26,
  'spec/package.spec.ts': 26,
  'spec/faults/pauses.spec.ts': 25,
  'spec/docs/examples.spec.ts': 23,
  'spec/faults/processes.spec.ts': 22,
  'spec/cli/serve.spec.ts': 22,
  'spec/examples/programs.spec.ts': 18,
  'spec/proof/simulate.spec.ts': 17,
  'spec/faults/auth-changes.spec.ts': 17,
  'spec/cli/run.spec.ts': 16,
  'spec/testing/etcd-server.spec.ts': 15,
  'spec/faults/outage.spec.ts': 14,
  'spec/measure.spec.ts': 13,
  'spec/server/sockets.spec.ts': 12,
  'spec/cli/run-end.spec.ts': 12,
  'spec/cli/run-signals.spec.ts': 10,
}

/** Starts long suites first, lest one of them runs on alone at the end. What was measured before counts for more. */
export default class LongFirst extends Sequencer {
  constructor(options) {
    super(options)
    const gone = Object.keys(SECONDS).find(file => !existsSync(resolve(root, file)))
    if (gone) throw new Error(`${import.meta.filename} names ${gone}, which does not exist: correct its list`)
  }

  time(test) {
    return super.time(test) ?? 1000 * (SECONDS[relative(root, test.path)] ?? 1)
  }
}
