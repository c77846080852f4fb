import { openSession } from '/page-call.js'

/** Pause before a new connection; a little more for some, so that not all pages come back at once. */
const PAUSE_MS = 3_000
/** The server says every 15 s that it is there: after so long without a word the line is dead. */
const SILENCE_MS = 40_000
const LOOK_MS = 5_000

/** The stream of events, for as long as the page is seen: a browser has few connections for all tabs of a site. */
export class Live {
  /** What is wrong with it, in words. */
  problem = 'Loading…'

  constructor(listener) {
    this.listener = listener
    setInterval(() => {
      if (this.source && performance.now() - this.heardAt > SILENCE_MS) this.lose('The connection is silent.')
    }, LOOK_MS)
    document.addEventListener('visibilitychange', () => (document.hidden ? this.stop() : this.start()))
    if (!document.hidden) this.start()
  }

  get isOpen() {
    return this.source !== undefined
  }

  async start() {
    this.stop()
    const own = {}
    this.attempt = own
    try {
      await openSession()
    } catch (error) {
      if (this.attempt === own) this.lose(error.message)
    }
    if (this.attempt === own) this.listen()
  }

  stop() {
    clearTimeout(this.timer)
    this.attempt = undefined
    this.source?.close()
    this.source = undefined
  }

  listen() {
    this.heardAt = performance.now()
    this.source = new EventSource('/v2/events')
    const on = (type, act) =>
      this.source.addEventListener(type, ({ data }) => {
        this.heardAt = performance.now()
        act(data)
        this.seenUntil = Date.now()
      })
    on('ready', () => {
      if (this.seenUntil) this.listener.onGap(this.seenUntil)
      this.say('')
      this.listener.onReady()
    })
    on('heartbeat', data => this.say(JSON.parse(data).etcd ? '' : 'etcd does not answer.'))
    on('message', data => this.listener.onEvent(JSON.parse(data)))
    // A browser that connects again by itself would not notice that the session is over.
    this.source.addEventListener('error', () => this.lose('The connection is lost.'))
  }

  lose(problem) {
    this.stop()
    this.say(`${problem} Trying again…`)
    this.timer = setTimeout(() => this.start(), PAUSE_MS + Math.random() * 1000)
  }

  say(problem) {
    this.problem = problem
    this.listener.onState()
  }
}
