import type { KeyRange } from '../../../lib/kv/key-value.js'
import { withPrefix } from '../../../lib/kv/key-value.js'

const BASE = 'bench/floor'

/** The grants of one process, of all names. */
export const grantsTo = (process: string): KeyRange => withPrefix(`${BASE}/grants/${process}/`)

/** A waiter: its process, and a number in it. */
export const waiterOf = (process: string, number: number): string => `${process}/${number}`

/** The keys of one name. Those of a waiter are used again and again. */
export class HandoffKeys {
  readonly lock: KeyRange
  readonly tickets: KeyRange

  constructor(private readonly name: string) {
    this.lock = { key: `${BASE}/locks/${name}` }
    this.tickets = withPrefix(`${BASE}/tickets/${name}/`)
  }

  ticket(waiter: string): KeyRange {
    return { key: this.tickets.key + waiter }
  }

  /** By which the process of a waiter is told, by the one watch that it has. */
  grant(waiter: string): string {
    return `${BASE}/grants/${waiter}/${this.name}`
  }

  waiterIn(ticket: string): string {
    return ticket.slice(this.tickets.key.length)
  }
}

/** The waiter and the name of a grant. */
export function toldBy(grant: string): { readonly waiter: string; readonly name: string } {
  const [process, number, name] = grant.slice(`${BASE}/grants/`.length).split('/')
  return { waiter: `${process!}/${number!}`, name: name! }
}
