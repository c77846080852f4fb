import { quantile } from '../quantile.js'
import type { Settings } from './settings.js'

/** Of several rounds. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
  /** In the order of the rounds; NaN where a round has no such figure. */
  readonly each: readonly number[]
}

/** What a peer has reached, by the name of the figure. */
export type Figures = Readonly<Record<string, Spread>>

/** What the peers have reached under one load. */
export interface Outcome {
  /** The load, for example `64 names`. */
  readonly name: string
  readonly peers: Readonly<Record<string, Figures>>
}

export interface Target {
  readonly name: string
  /** Undefined when it was not measured, because a peer or a load was left out. NaN when it was, in vain. */
  readonly value: number | undefined
  /** `value` is to be at least, or at most, this. */
  readonly limit: number
  readonly bound: 'at least' | 'at most'
  /** The same ratio of the best floor: where it misses the limit, so must every lock on this etcd and this machine. */
  readonly floor?: number | undefined
  /** Of `value`, for example `ms`; none for a ratio, which other machines reach as well. */
  readonly unit?: string
  /** Whether CI looks at it. */
  readonly isGate?: boolean
}

/** What a scenario works with. */
export interface Bench {
  readonly settings: Settings
  readonly progress: (text: string) => void
}

/** Loads in which one thing grows. */
export interface Curve {
  readonly what: string
  readonly points: readonly { readonly at: number; readonly load: string }[]
}

export interface Scenario {
  readonly name: string
  /** A sentence for people. */
  readonly measures: string
  /** The figure that the chart shows, and its unit. */
  readonly shown: { readonly figure: string; readonly unit: string }
  /** Charts of what grows; there are none but in the scenario that says so. */
  readonly curves?: readonly Curve[]
  /** Whether an earlier build is measured beside this one. */
  readonly hasEarlier?: boolean
  run(bench: Bench): Promise<Outcome[]>
  targets(outcomes: readonly Outcome[]): Target[]
}

/** A figure of a peer under a load; undefined when one of them was left out. */
export function figureOf(
  outcomes: readonly Outcome[],
  load: string,
  peer: string,
  figure: string,
): Spread | undefined {
  return outcomes.find(({ name }) => name === load)?.peers[peer]?.[figure]
}

/**
 * The median of one figure by another, round by round: a noisy moment of the machine strikes both. Undefined when one of them
 * was left out.
 */
export function ratioOf(figure: Spread | undefined, other: Spread | undefined): number | undefined {
  if (!figure || !other) return undefined
  const each = figure.each.map((value, round) => value / other.each[round]!)
  return spreadOf(each).median
}

/** The spread of these numbers. */
export function spreadOf(each: readonly number[]): Spread {
  const known = each.filter(value => !Number.isNaN(value))
  const [median, least, most] = [0.5, 0, 1].map(share => quantile(known, share))
  return { median: median!, least: least!, most: most!, each }
}
