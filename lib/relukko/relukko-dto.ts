import { Timestamp } from '../model/timestamp.js'

/** A lock as the wire has it: times are RFC 3339 in UTC with microseconds. */
export interface RelukkoJson {
  readonly id: string
  readonly lock_name: string
  readonly creator: string | null
  readonly ip: string
  readonly expires_at: string
  readonly created_at: string
  readonly updated_at: string
}

export type RelukkoFields = Omit<RelukkoDTO, 'toJSON'>

/** A lock as Relukko's clients see it. */
export class RelukkoDTO {
  readonly id: string
  readonly lockName: string
  readonly creator: string | null
  /** Address of the client that took it. */
  readonly ip: string
  /** The holder must not rely on the lock from then on. It is free some minutes later: see {@link GRACE_SECONDS}. */
  readonly expiresAt: Timestamp
  readonly createdAt: Timestamp
  /** When it was written last. */
  readonly updatedAt: Timestamp

  constructor(fields: RelukkoFields) {
    this.id = fields.id
    this.lockName = fields.lockName
    this.creator = fields.creator
    this.ip = fields.ip
    this.expiresAt = fields.expiresAt
    this.createdAt = fields.createdAt
    this.updatedAt = fields.updatedAt
  }

  /** @throws RangeError, TypeError when it is not the JSON of a lock. */
  static fromJSON(json: unknown): RelukkoDTO {
    const dto = json as RelukkoJson
    const text = (field: keyof RelukkoJson): string => {
      const value: unknown = dto[field]
      if (typeof value !== 'string') throw new TypeError(`'${field}' must be a string`)
      return value
    }
    return new RelukkoDTO({
      id: text('id'),
      lockName: text('lock_name'),
      creator: dto.creator === null || dto.creator === undefined ? null : text('creator'),
      ip: text('ip'),
      expiresAt: Timestamp.parse(text('expires_at')),
      createdAt: Timestamp.parse(text('created_at')),
      updatedAt: Timestamp.parse(text('updated_at')),
    })
  }

  toJSON(): RelukkoJson {
    return {
      id: this.id,
      lock_name: this.lockName,
      creator: this.creator,
      ip: this.ip,
      expires_at: this.expiresAt.toISO(),
      created_at: this.createdAt.toISO(),
      updated_at: this.updatedAt.toISO(),
    }
  }
}
