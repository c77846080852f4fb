import type { Peer } from '../peers/peer.js'
import { spicelockOwners, spicelockShared } from '../peers/spicelock-kinds.js'
import { spicelock } from '../peers/spicelock.js'
import { loadScenario } from './load-scenario.js'
import type { Curve } from './scenario.js'
import type { Variant } from './variant.js'

type Load = Omit<Variant, 'name'> & { readonly peers?: readonly [Peer] }

function nameOf(what: string, at: number): string {
  return `${what}: ${at}`
}

/** How many etcds share the names; each of 4 processes uses one of them. */
export const ETCDS: readonly number[] = [1, 2, 4]
export const loadOfEtcds = (count: number): string => nameOf('etcds', count)

/** `names` clients, each with a name of its own, in so many processes. */
const apart = (names: number, processes = 1): Load => ({ names, processes, clients: names })
const together = (clients: number): Load => ({ names: 1, processes: 1, clients })

/** What grows, at which values, and the load for each. */
const GROWTHS: readonly (readonly [what: string, at: readonly number[], load: (at: number) => Load])[] = [
  ['names', [1, 4, 16, 64, 256], at => apart(at)],
  ['holders', [1, 8, 64, 256], at => ({ ...together(at), peers: [spicelockShared] })],
  ['waiters', [2, 16, 100, 400], at => together(at)],
  ['processes', [1, 2, 4, 8], at => apart(64, at)],
  [
    'bytes of the owner',
    [...spicelockOwners.keys()],
    at => ({ ...apart(64), peers: [spicelockOwners.get(at)!] }),
  ],
  ['members', [1, 3, 5], at => ({ ...apart(64), members: at })],
  ['etcds', ETCDS, at => ({ ...apart(64, 4), etcds: at })],
]

export const curves = loadScenario({
  name: 'curves',
  measures: 'what a cycle costs as the work grows',
  peers: [spicelock],
  mostRounds: 3,
  variants: GROWTHS.flatMap(([what, at, load]): Variant[] =>
    at.map(each => ({ name: nameOf(what, each), ...load(each) })),
  ),
  shown: { figure: 'cyclesPerSecond', unit: 'cycles a second' },
  curves: GROWTHS.map(([what, at]): Curve => ({
    what,
    points: at.map(each => ({ at: each, load: nameOf(what, each) })),
  })),
  targets: () => [],
})
