import type { Peer } from '../peers/peer.js'

/** One load, which all peers run in turns. */
export interface Variant {
  /** For example `64 names`. */
  readonly name: string
  readonly processes: number
  /** Of all processes together. */
  readonly clients: number
  /** How many different locks they take. */
  readonly names: number
}

/** What a peer has reached with a variant: medians of its rounds, with the least and the most. */
export interface Figures {
  readonly cyclesPerSecond: Spread
  /** Milliseconds of an acquisition and its release. */
  readonly cycleP50: Spread
  readonly cycleP99: Spread
  /** Milliseconds until it is held. */
  readonly waitP99: Spread
  /** Share of one core. */
  readonly clientCpu: Spread
  readonly serverCpu: Spread
  /** How often the client that was served most held, for each time of the one that was served least. */
  readonly unfairness: Spread
  /** Holdings that overlapped, of all rounds. */
  readonly violations: number
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

/** Figures of a variant, by the name of the peer. */
export type Outcome = ReadonlyMap<string, Figures>

export interface Target {
  readonly name: string
  readonly value: number
  /** `value` is to be at least, or at most, this. */
  readonly limit: number
  readonly bound: 'at least' | 'at most'
}

export interface Scenario {
  readonly name: string
  /** A sentence for people. */
  readonly measures: string
  readonly peers: readonly Peer[]
  readonly variants: readonly Variant[]
  /** The figure that the chart shows. */
  readonly shown: { readonly figure: 'cyclesPerSecond' | 'cycleP50'; readonly unit: string }
  /** @param outcomes one for each variant, in their order. */
  targets(outcomes: readonly Outcome[]): Target[]
}

/** The median of a figure of one peer, divided by that of another. */
export function ratio(
  outcome: Outcome,
  figure: Exclude<keyof Figures, 'violations'>,
  peer: string,
  other: string,
): number {
  return outcome.get(peer)![figure].median / outcome.get(other)![figure].median
}
