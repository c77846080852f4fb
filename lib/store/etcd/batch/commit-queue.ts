/** A commit that waits for its call, as the queue needs to know it. */
export interface Queued {
  /** Names that no other commit under way may have, each once. */
  readonly scope: readonly string[]
  /** At most. */
  readonly bytes: number
  /** Its longest list: of compares, or of the operations of a branch. */
  readonly breadth: number
  /** How many operations it takes of the call that it is nested in. */
  readonly weight: number
  /** Whether it is answered or given up: it is not sent any more. */
  readonly isOver: boolean
}

/** A call to etcd, by the commits in it. */
export type Call<Commit> = readonly Commit[]

/** Under etcd's limit of 1.5 MiB, with room for what is around the commits. */
const MOST_BYTES = 1024 * 1024
/** etcd's limit (--max-txn-ops), which counts the operations of a call and those of its broadest commit together. */
const MOST_OPERATIONS = 128
/**
 * With so many that wait, a second call leaves before the first is answered: etcd applies one while Node makes the next. Two calls of
 * half the size take a fifth more of Node's CPU, and two fifths more of etcd's.
 */
const LARGE = 64

/**
 * Decides which commits travel together, and when. The next call leaves when the one before it has ended, and takes along what came
 * meanwhile; where much comes, two are under way. Commits that share a name of their scopes go one after the other, in their
 * order, and never in one call: etcd would compare what the second relies on with what stood before the first.
 */
export class CommitQueue<Commit extends Queued> {
  /**
   * For each name, the first commit that has it in its scope: it is ready, or under way. No Map: one that lives long, and is deleted from
   * all the time, leaves copies of its table to the garbage collector, and each keeps the commits that were in it.
   */
  private readonly first = Object.create(null) as Record<string, Commit>
  /** Those behind the first, in their order, and some that are over. Few names have any. */
  private readonly behind = new Map<string, Commit[]>()
  /** Those that wait for nothing but a call, and some that are over. */
  private ready: Commit[] = []
  /** The calls under way that the next waits for: two at most. */
  private readonly awaited: Call<Commit>[] = []
  private mostBytes = MOST_BYTES
  private mostOperations = MOST_OPERATIONS

  add(commit: Commit): void {
    for (const name of commit.scope) {
      if (this.first[name] === undefined) this.first[name] = commit
      else if (!this.behind.get(name)?.push(commit)) this.behind.set(name, [commit])
    }
    if (this.isFirst(commit)) this.ready.push(commit)
  }

  /** It is over, sent or not: those behind it may go. */
  remove(commit: Commit): void {
    for (const name of commit.scope) if (this.first[name] === commit) this.passOn(name)
  }

  /** Whether so many wait that their call leaves beside another. */
  get hasMany(): boolean {
    return this.ready.length >= LARGE
  }

  /** The call that is to leave now, and is under way from now on; undefined when none is. */
  next(): Call<Commit> | undefined {
    if (!this.mayLeave()) return undefined
    const call = this.together()
    if (call.length === 0) return undefined
    this.awaited.push(call)
    return call
  }

  /** The call has ended, or is late, so that its member may hang: the next does not wait for it any more. */
  stopAwaiting(call: Call<Commit>): void {
    const at = this.awaited.indexOf(call)
    if (at >= 0) this.awaited.splice(at, 1)
  }

  /** etcd takes less than that in one call: it was started with other limits. @param of what was too much; both when not known */
  shrink(call: Call<Commit>, of?: 'bytes' | 'operations'): void {
    const load = new Load()
    for (const commit of call) load.add(commit)
    if (of !== 'operations') this.mostBytes = Math.min(this.mostBytes, load.bytes / 2)
    if (of !== 'bytes') this.mostOperations = Math.min(this.mostOperations, load.operations / 2)
  }

  private mayLeave(): boolean {
    if (this.awaited.length === 0) return true
    return this.awaited.length === 1 && this.hasMany
  }

  /** The first that are ready, as many as fit. One that fits with no other goes by itself. */
  private together(): Call<Commit> {
    const commits: Commit[] = []
    const load = new Load()
    let taken = 0
    for (const commit of this.ready) {
      if (!commit.isOver) {
        load.add(commit)
        const isTooMuch = load.bytes > this.mostBytes || load.operations > this.mostOperations
        if (isTooMuch && commits.length > 0) break
        commits.push(commit)
      }
      taken++
    }
    this.ready = this.ready.slice(taken)
    return commits
  }

  private passOn(name: string): void {
    const line = this.behind.get(name)
    let next = line?.shift()
    while (next?.isOver) next = line!.shift()
    if (line?.length === 0) this.behind.delete(name)
    if (!next) {
      delete this.first[name]
      return
    }
    this.first[name] = next
    if (this.isFirst(next)) this.ready.push(next)
  }

  private isFirst(commit: Commit): boolean {
    return commit.scope.every(name => this.first[name] === commit)
  }
}

/** What a call takes of etcd's limits. */
class Load {
  bytes = 0
  private weight = 0
  private breadth = 0

  add(commit: Queued): void {
    this.bytes += commit.bytes
    this.weight += commit.weight
    this.breadth = Math.max(this.breadth, commit.breadth)
  }

  get operations(): number {
    return this.weight + this.breadth
  }
}
