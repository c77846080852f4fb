import type { Peer } from '../peers/peer.js'
import { figureOf, type Outcome, ratioOf, type Target } from './scenario.js'

interface Compared {
  readonly load: string
  readonly figure: string
  readonly peer: Peer
  readonly to: Peer
  /** What no peer can surpass under this load. */
  readonly floors?: readonly Peer[]
}

/** A target for a figure of a peer by that of another under the same load, beside what the best floor comes to. */
export function ratioTarget(
  outcomes: readonly Outcome[],
  { load, figure, peer, to, floors = [] }: Compared,
  target: Omit<Target, 'value' | 'floor'>,
): Target {
  const ratio = ({ name }: Peer): number | undefined =>
    ratioOf(figureOf(outcomes, load, name, figure), figureOf(outcomes, load, to.name, figure))
  const reached = floors.map(ratio).filter(value => value !== undefined)
  const floor = target.bound === 'at least' ? Math.max(...reached) : Math.min(...reached)
  return { ...target, value: ratio(peer), ...(reached.length > 0 && { floor }) }
}
