import { nameOf, titleOf } from '/page-call.js'
import { bdi, element, remainingText, secondsUntil, timeText } from '/page-text.js'

/** Seconds under which it is said that little is left. */
const LITTLE = 30
/** The waiters of a queue that are shown. */
const MOST_PLACES = 100

/** The row of a holding. It stays the same element for as long as it is shown, so that a click hits what the user aimed at. */
export class Row {
  constructor(row, acts) {
    const { lock, holder } = row
    const cell = (label, ...children) => {
      const made = element('td', {}, ...children)
      made.dataset.label = label
      return made
    }
    this.buttons = holder
      ? ['Keep alive', 'Change', 'Release'].map(text => this.button(text, acts[text]))
      : []
    this.owner = bdi('')
    this.ip = new Text()
    this.since = new Text()
    this.remaining = cell('Remaining', new Text())
    this.summary = element('summary')
    this.places = element('ol')
    this.queue = element('details', { hidden: true }, this.summary, this.places)
    this.noQueue = element('span', { textContent: '–' })
    this.element = element(
      'tr',
      {},
      cell('Name', element('span', {}, bdi(`${lock.prefix}/`, 'prefix'), bdi(nameOf(lock), 'name'))),
      cell('Owner', this.owner),
      cell('Address', this.ip),
      cell('Since', this.since),
      this.remaining,
      cell('Queue', element('div', {}, this.queue, this.noQueue)),
      element('td', { className: 'actions' }, ...this.buttons),
    )
    this.element.dataset.key = row.key
    this.update(row)
  }

  update(row) {
    if (row === this.row) return
    this.row = row
    const { lock, holder, since, isOneOfMany } = row
    setText(
      this.owner.firstChild ?? this.owner.appendChild(new Text()),
      holder?.owner ?? lock.problem ?? 'nobody yet',
    )
    setText(this.ip, holder ? (holder.ip ?? '–') : '')
    setText(this.since, timeText(since))
    const which = isOneOfMany ? `, id ${holder.id}` : ''
    for (const button of this.buttons) {
      const label = `${button.textContent} ${titleOf(lock)}, held by ${holder.owner}${which}`
      if (button.getAttribute('aria-label') !== label) button.setAttribute('aria-label', label)
    }
    this.showQueue(lock.waiters)
    this.tick()
  }

  /** As time goes by. */
  tick() {
    if (!this.row.holder) return
    setText(this.remaining.firstChild, remainingText(this.row))
    const { holder, endsAt } = this.row
    this.remaining.classList.toggle('renewed', holder.renewed)
    this.remaining.classList.toggle('late', !holder.renewed && secondsUntil(endsAt) < LITTLE)
  }

  button(text, act) {
    const made = element('button', { textContent: text, className: text === 'Release' ? 'danger' : '' })
    made.addEventListener('click', () => act(this.row))
    return made
  }

  showQueue(waiters) {
    this.queue.hidden = waiters.length === 0
    this.noQueue.hidden = waiters.length > 0
    const shown = JSON.stringify(waiters)
    if (shown === this.shownQueue) return
    this.shownQueue = shown
    this.summary.textContent = `${waiters.length} waiting`
    const more = waiters.length - MOST_PLACES
    this.places.replaceChildren(
      ...waiters
        .slice(0, MOST_PLACES)
        .map(({ owner, since }) => element('li', {}, bdi(owner ?? 'unknown'), `, since ${timeText(since)}`)),
      ...(more > 0 ? [element('li', { textContent: `and ${more} more` })] : []),
    )
  }
}

/** In place, and only when it is another: so a selection in it stays. */
function setText(node, text) {
  if (node.data !== text) node.data = text
}
