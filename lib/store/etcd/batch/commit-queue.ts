/** A commit that waits for its call, as the queue needs to know it. */
export interface Queued {
  /** Names that no other commit under way may have, each once. */
  readonly scope: readonly string[]
  readonly bytes: number
  /** Its longest list: of compares, or of the operations of a branch. */
  readonly breadth: number
  /** How many operations it takes of the call that it is nested in. */
  readonly weight: number
}

/** A call to etcd: the commits in it, and when it was sent. */
export interface Call<Commit> {
  readonly commits: readonly Commit[]
  readonly sentAt: number
}

/** Under etcd's limit of 1.5 MiB, with room for what is around the commits. */
const MOST_BYTES = 1024 * 1024
/** etcd's limit (--max-txn-ops), which counts the operations of a call and those of its broadest commit together. */
const MOST_OPERATIONS = 128
/** With so many that wait, a second call leaves before the first is answered: etcd applies one while Node makes the next. */
const LARGE = 64
/** A call that takes longer, in milliseconds, keeps nobody waiting any more: its member may hang. */
const LATE_MS = 20

/**
 * Decides which commits travel together, and when. One call is under way as a rule, and what comes meanwhile travels in the next.
 * Commits that share a name of their scopes go one after the other, in their order, and never in one call: etcd would compare
 * what the second relies on with what stood before the first. Time is told to it, in milliseconds.
 */
export class CommitQueue<Commit extends Queued> {
  /** For each name, the commits that have it in their scopes, in their order: the first is ready, or under way. */
  private readonly lines = new Map<string, Commit[]>()
  /** Those that wait for nothing but a call. */
  private readonly ready = new Set<Commit>()
  private readonly calls = new Set<Call<Commit>>()
  private mostBytes = MOST_BYTES
  private mostOperations = MOST_OPERATIONS

  add(commit: Commit): void {
    for (const name of commit.scope) {
      const line = this.lines.get(name)
      if (line) line.push(commit)
      else this.lines.set(name, [commit])
    }
    if (this.isFirst(commit)) this.ready.add(commit)
  }

  /** It is answered, or given up, sent or not: those behind it may go. */
  remove(commit: Commit): void {
    this.ready.delete(commit)
    for (const name of commit.scope) {
      const line = this.lines.get(name) ?? []
      const at = line.indexOf(commit)
      if (at < 0) continue
      line.splice(at, 1)
      if (line.length === 0) this.lines.delete(name)
      else if (at === 0 && this.isFirst(line[0]!)) this.ready.add(line[0]!)
    }
  }

  /** The call that is to leave now, and is under way from now on; undefined when none is. */
  next(now: number): Call<Commit> | undefined {
    if (this.ready.size === 0 || !this.mayLeave(now)) return undefined
    const call = { commits: this.together(), sentAt: now }
    for (const commit of call.commits) this.ready.delete(commit)
    this.calls.add(call)
    return call
  }

  /** When to ask for the {@link next} call although none has ended; undefined when nothing waits for that. */
  get lateAt(): number | undefined {
    if (this.ready.size === 0 || this.calls.size === 0) return undefined
    return Math.max(...[...this.calls].map(({ sentAt }) => sentAt)) + LATE_MS
  }

  ended(call: Call<Commit>): void {
    this.calls.delete(call)
  }

  /** etcd takes less than that in one call: it was started with other limits. @param of what was too much; both when not known */
  shrink({ commits }: Call<Commit>, of?: 'bytes' | 'operations'): void {
    const { bytes, operations } = commits.reduce(joined, NOTHING)
    if (of !== 'operations') this.mostBytes = Math.min(this.mostBytes, bytes / 2)
    if (of !== 'bytes') this.mostOperations = Math.min(this.mostOperations, operations / 2)
  }

  private mayLeave(now: number): boolean {
    if (this.calls.size === 0) return true
    if (this.calls.size === 1 && this.ready.size >= LARGE) return true
    return [...this.calls].every(({ sentAt }) => now - sentAt >= LATE_MS)
  }

  /** The first that are ready, as many as fit. One that fits with no other goes by itself. */
  private together(): Commit[] {
    const commits: Commit[] = []
    let load = NOTHING
    for (const commit of this.ready) {
      load = joined(load, commit)
      const isTooMuch = load.bytes > this.mostBytes || load.operations > this.mostOperations
      if (isTooMuch && commits.length > 0) break
      commits.push(commit)
    }
    return commits
  }

  private isFirst(commit: Commit): boolean {
    return commit.scope.every(name => this.lines.get(name)?.[0] === commit)
  }
}

interface Load {
  readonly bytes: number
  readonly weight: number
  readonly breadth: number
  readonly operations: number
}

const NOTHING: Load = { bytes: 0, weight: 0, breadth: 0, operations: 0 }

function joined(load: Load, commit: Queued): Load {
  const weight = load.weight + commit.weight
  const breadth = Math.max(load.breadth, commit.breadth)
  return { bytes: load.bytes + commit.bytes, weight, breadth, operations: weight + breadth }
}
