import { hash } from 'node:crypto'
import { canonical } from './canonical.js'
import { checkGuards, checkIdle, checkRest, checkWaits } from './final.js'
import { Graph } from './graph.js'
import { Violation } from './invariants.js'
import { after, isQuiet, optionalMoves, plainMoves } from './moves.js'
import type { World } from './world.js'

export interface Found {
  readonly states: number
  readonly moves: number
  readonly seconds: number
  /** Whether these are all states that there are. */
  readonly isComplete: boolean
  readonly violation: ViolationFound | undefined
}

/** The shortest way to a violation, and what it is. */
export interface ViolationFound {
  readonly message: string
  readonly trace: readonly Step[]
}

/** One move, and the state that it leads to; undefined when it led to none. */
export interface Step {
  readonly move: string
  readonly world: World | undefined
}

/** Visits every state that can be reached, nearest first. */
export class Explorer {
  /** The states by the digests of their texts, numbered as they were found. */
  private readonly states = new Map<string, number>()
  private readonly graph = new Graph()
  /** By state: the state before, and which of its moves led here. */
  private readonly ways: (readonly [state: number, move: number])[] = []
  /** Those whose moves are not made yet. */
  private open: (readonly [state: number, world: World])[] = []
  private moves = 0

  constructor(
    private readonly start: () => World,
    private readonly mostStates = Infinity,
  ) {}

  run(): Found {
    const started = performance.now()
    this.arrive(this.start(), -1, -1)
    const violation = this.search()
    return {
      states: this.states.size,
      moves: this.moves,
      seconds: (performance.now() - started) / 1000,
      isComplete: !violation && this.open.length === 0,
      violation,
    }
  }

  private search(): ViolationFound | undefined {
    while (this.open.length > 0) {
      const level = this.open
      this.open = []
      for (const [state, world] of level) {
        const violation = this.visit(state, world)
        if (violation) return violation
        if (this.states.size >= this.mostStates) {
          this.open.push([state, world])
          return undefined
        }
      }
    }
    const astray = this.graph.astray()
    if (astray === undefined) return undefined
    return { message: 'nothing that happens from here brings all to their end', trace: this.trace(astray) }
  }

  private visit(state: number, world: World): ViolationFound | undefined {
    const plain = plainMoves(world)
    try {
      checkIdle(world)
      checkGuards(world)
      if (isQuiet(world)) checkWaits(world)
      if (plain.length === 0) {
        checkRest(world)
        this.graph.end(state)
      }
    } catch (error) {
      return { message: messageOf(error), trace: this.trace(state) }
    }
    for (const [at, move] of [...plain, ...optionalMoves(world)].entries()) {
      this.moves++
      try {
        const next = this.arrive(after(world, move), state, at)
        // What need not happen is no way out.
        if (at < plain.length) this.graph.lead(state, next)
      } catch (error) {
        const last = { move: move.text, world: undefined }
        return { message: messageOf(error), trace: [...this.trace(state), last] }
      }
    }
    return undefined
  }

  private arrive(world: World, from: number, move: number): number {
    const digest = hash('md5', canonical(world), 'binary')
    const known = this.states.get(digest)
    if (known !== undefined) return known
    const state = this.graph.add()
    this.states.set(digest, state)
    this.ways.push([from, move])
    this.open.push([state, world])
    return state
  }

  private trace(state: number): Step[] {
    const choices: number[] = []
    for (let at = state; at > 0; at = this.ways[at]![0]) choices.unshift(this.ways[at]![1])
    let world = this.start()
    return choices.map(choice => {
      const move = [...plainMoves(world), ...optionalMoves(world)][choice]!
      world = after(world, move)
      return { move: move.text, world }
    })
  }
}

/** Also what the protocol throws, which nothing here may make it do. */
function messageOf(error: unknown): string {
  if (error instanceof Violation) return error.message
  return `unexpected: ${String(error instanceof Error ? error.stack : error)}`
}
