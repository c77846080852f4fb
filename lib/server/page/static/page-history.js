import { titleOf } from '/page-call.js'
import { bdi, element, timeText } from '/page-text.js'

const MOST = 500

const list = document.getElementById('history')
/** What has not been shown yet, the newest last. */
let news = []

export function addEvent({ type, owner, by, reason, ...lock }) {
  const who = owner ? [' (', bdi(owner), ')'] : []
  const why = reason ? [', by ', bdi(by), ': ', bdi(reason)] : []
  add(() => [bdi(titleOf(lock)), ` ${type}`, ...who, ...why])
}

/** What happened then was not seen: the list would be silent about it otherwise. */
export function addGap(from) {
  const to = Date.now()
  add(() => [`nothing was seen from ${timeText(from)} to ${timeText(to)}`])
}

function add(words) {
  news.push({ time: Date.now(), words })
  // Of many at once, the first would be pushed out at once.
  if (news.length > 2 * MOST) news = news.slice(-MOST)
}

export function showHistory() {
  const made = news.slice(-MOST).map(({ time, words }) => element('li', {}, `${timeText(time)} `, ...words()))
  news = []
  list.prepend(...made.reverse())
  while (list.childElementCount > MOST) list.lastElementChild.remove()
}
