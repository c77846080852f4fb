/** Told what is being done while it takes time, one line a step. */
export type Progress = (line: string) => void

/** A place that etcd can be fetched from. */
export interface Source {
  /** As it reads after "from", for example `the Debian packages`. */
  readonly name: string
  /** Unpacks etcd somewhere below `directory`, which exists and is empty, and returns the path of its binary. */
  fetch(directory: string, progress: Progress): Promise<string>
}
