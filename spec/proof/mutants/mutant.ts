/** A known mistake of lock implementations, as a change to one file. */
export interface Mutant {
  /** What is wrong with it. */
  readonly mistake: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly right: string
  readonly wrong: string
  /** Specs that are to notice, as patterns of their paths. */
  readonly specs: readonly string[]
}
