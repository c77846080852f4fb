import type { Timestamp } from '../model/timestamp.js'
import type { RelukkoDTO } from './relukko-dto.js'

export interface RelukkoChange {
  /** Unchanged when null or not given. */
  readonly creator?: string | null | undefined
  /** Unchanged when null or not given. A text is RFC 3339. */
  readonly expiresAt?: Timestamp | Date | LuxonDateTime | string | null | undefined
}

/** What is used of luxon's DateTime, of whichever copy of luxon. */
export interface LuxonDateTime {
  readonly isValid: boolean
  toMillis(): number
}

/** Locks by name, as Relukko's clients use them. Any client that knows the id of a lock may change and release it. */
export interface Relukko extends AsyncDisposable {
  /**
   * Takes a lock, waiting for at most `maxRunTime` seconds; null when others hold it for longer. It lasts ten minutes,
   * unless it is kept alive.
   * @param creator the name of the holder, for people.
   * @throws RelukkoInvalidError
   */
  acquireRelukko(lockName: string, creator: string | null, maxRunTime: number): Promise<RelukkoDTO | null>
  /** @throws RelukkoNotFoundError */
  getLock(id: string): Promise<RelukkoDTO>
  getLocks(): Promise<RelukkoDTO[]>
  /** @throws RelukkoNotFoundError, RelukkoInvalidError */
  updateRelukko(id: string, change: RelukkoChange): Promise<RelukkoDTO>
  /** Releases a lock, and resolves to what it was. @throws RelukkoNotFoundError */
  deleteRelukko(id: string): Promise<RelukkoDTO>
  /** Lets it expire five minutes from now. @throws RelukkoNotFoundError */
  keepRelukkoAlive(id: string): Promise<RelukkoDTO>
  /** Lets it expire so many seconds from now. @throws RelukkoNotFoundError, RelukkoInvalidError */
  keepRelukkoAlivePut(id: string, seconds: number): Promise<RelukkoDTO>
  /** Lets it expire five minutes later than now is said. @throws RelukkoNotFoundError */
  addToExpiresAtTime(id: string): Promise<RelukkoDTO>
  /** Lets it expire so many seconds later than now is said. @throws RelukkoNotFoundError, RelukkoInvalidError */
  addToExpiresAtTimePut(id: string, seconds: number): Promise<RelukkoDTO>
  close(): Promise<void>
}
