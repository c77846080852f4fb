import { existsSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import Sequencer from '@jest/test-sequencer'

const root = resolve(import.meta.dirname, '../..')

/** Seconds that the longest suites take, for a machine that has not run them yet. What counts is their order. */
const SECONDS = {
  'spec/faults/processes.spec.ts': 50,
  'spec/faults/outage.spec.ts': 40,
  'spec/faults/leaks.spec.ts': 35,
  'spec/faults/pauses.spec.ts': 30,
  'spec/faults/every-step.spec.ts': 29,
  'spec/cli/serve.spec.ts': 27,
  'spec/contracts/client-relukko.spec.ts': 27,
  'spec/server/page.spec.ts': 25,
  'spec/cli/run.spec.ts': 25,
  'spec/faults/tls.spec.ts': 23,
  'spec/proof/simulate.spec.ts': 20,
  'spec/contracts/etcd-lock.spec.ts': 20,
  'spec/contracts/etcd-handle.spec.ts': 19,
  'spec/package.spec.ts': 18,
  'spec/server/page-live.spec.ts': 16,
  'spec/faults/sets.spec.ts': 15,
  'spec/testing/etcd-server.spec.ts': 14,
  'spec/examples/demo.spec.ts': 12,
  'spec/measure.spec.ts': 11,
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
