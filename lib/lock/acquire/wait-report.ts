import type { WaitStatus } from '../../model/lock-state.js'
import { withJson } from '../../model/printed.js'
import { decide } from '../../protocol/decide.js'
import type { TargetSnapshot } from '../options/lock-target.js'
import type { Engine } from '../engine/engine.js'
import { stateOrProblem } from '../observe/lock-state.js'

/** Tells a caller who waits about the first of its locks that is not free. What `onWait` throws is logged. */
export function waitReport(
  engine: Engine,
  onWait: (status: WaitStatus) => void,
): (seen: readonly TargetSnapshot[]) => void {
  return seen => {
    const now = engine.clock.now()
    for (const { key, terms, snapshot } of seen) {
      const step = decide(snapshot, terms, now, seen.length)
      if (step.kind !== 'wait') continue
      const status = withJson({ ...stateOrProblem(snapshot, now), place: step.place })
      // Its type allows an async function, too: what it throws or rejects with must not end the process.
      const told = new Promise(resolve => resolve(onWait(status)))
      told.catch((err: unknown) => {
        engine.log.error({ key: key.path, id: terms.uuid, owner: terms.owner, err }, 'onWait has thrown')
      })
      return
    }
  }
}
