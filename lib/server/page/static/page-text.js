import { isRelukko } from '/page-call.js'

/** What looks like it, and stays in its own place whatever it holds: characters that turn the direction of writing, too. */
export function bdi(text, className = '') {
  return Object.assign(document.createElement('bdi'), { textContent: text, className })
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

/** In UTC, as what the page lets one enter and what servers log. */
export function timeText(time) {
  return time ? new Date(time).toISOString().slice(0, 19).replace('T', ' ') : ''
}

export function durationText(seconds) {
  const whole = Math.max(0, Math.ceil(seconds))
  const [d, h, m, s] = [whole / 86400, (whole / 3600) % 24, (whole / 60) % 60, whole % 60].map(Math.floor)
  if (d > 0) return `${d} d ${h} h`
  if (h > 0) return `${h} h ${m} min`
  return m > 0 ? `${m} min ${s} s` : `${s} s`
}

/** Seconds until then, by the clock of the server: that of this machine may be wrong. */
export const secondsUntil = moment => (moment - performance.now()) / 1000

export function remainingText({ lock, holder, endsAt, freeAt }) {
  if (holder.renewed) return 'renewed by its holder'
  const left = secondsUntil(endsAt)
  if (left > 0) return durationText(left)
  if (isRelukko(lock, holder)) {
    const blocks = secondsUntil(freeAt)
    return blocks > 0
      ? `expired, blocks others for ${durationText(blocks)} more`
      : 'expired, free at any moment'
  }
  return 'over'
}
