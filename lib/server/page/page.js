import { call, nameOf, openSession, session, titleOf } from '/page-call.js'
import { ask } from '/page-dialogs.js'

/** Rows that are drawn at first; thousands at once would make the page slow. */
const STEP = 100
/** For how long a lock is kept alive from now on. */
const KEPT_SECONDS = 300
/** Pause before a new connection, where the browser makes none by itself. */
const PAUSE_MS = 3_000

const byKey = new Map()
const changed = new Set()
const $ = id => document.getElementById(id)
let sort = { by: 'name', up: true }
let shown = STEP
let drawing
let source
let catching
let isAllChanged = false

/** One row for each holding, and one for a lock that is only waited for. */
function rowsOf(lock) {
  const holders = lock.holders.length > 0 ? lock.holders : [undefined]
  return holders.map(holder => ({ lock, holder }))
}

const columns = {
  name: ({ lock }) => `${nameOf(lock)}\0${lock.prefix}`,
  owner: ({ holder }) => holder?.owner ?? '',
  ip: ({ holder }) => holder?.ip ?? '',
  since: ({ holder }) => holder?.since ?? '',
  remaining: ({ holder }) => (holder ? remainingOf(holder) : -1),
  waiting: ({ lock }) => lock.waiters.length,
}

/** By the clock of the server: that of this machine may be wrong. */
function remainingOf({ remaining, expires_in: left = remaining, seenAt }) {
  return left - (performance.now() - seenAt) / 1000
}

function durationText(seconds) {
  const whole = Math.floor(seconds)
  if (whole <= 0) return 'over'
  const [d, h, m, s] = [whole / 86400, (whole / 3600) % 24, (whole / 60) % 60, whole % 60].map(Math.floor)
  if (d > 0) return `${d} d ${h} h`
  if (h > 0) return `${h} h ${m} min`
  return m > 0 ? `${m} min ${s} s` : `${s} s`
}

function timeText(iso) {
  return iso ? new Date(iso).toLocaleString() : ''
}

function matches({ lock, holder }, words) {
  const waiters = lock.waiters.map(({ owner }) => owner).join(' ')
  const text =
    `${lock.prefix} ${nameOf(lock)} ${holder?.owner ?? ''} ${holder?.ip ?? ''} ${waiters}`.toLowerCase()
  return words.every(word => text.includes(word))
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties)
  made.append(...children)
  return made
}

function cell(label, ...children) {
  const made = element('td', {}, ...children)
  made.dataset.label = label
  return made
}

function queueCell(lock) {
  if (lock.waiters.length === 0) return cell('Queue', '–')
  const places = lock.waiters.map(({ owner, since }) =>
    element('li', { textContent: `${owner ?? 'unknown'}, since ${timeText(since)}` }),
  )
  const count = element('summary', { textContent: `${lock.waiters.length} waiting` })
  return cell('Queue', element('details', {}, count, element('ol', {}, ...places)))
}

function rowElement({ lock, holder }) {
  const name = element('span', { textContent: nameOf(lock) })
  const prefix = element('span', { className: 'prefix', textContent: `${lock.prefix}/` })
  const row = element('tr', {}, cell('Name', element('span', {}, prefix, name)))
  if (!holder) {
    row.append(cell('Owner', lock.problem ?? 'nobody yet'), cell('Address'), cell('Since'), cell('Remaining'))
    row.append(queueCell(lock), cell(''))
    return row
  }
  const remaining = cell('Remaining')
  remaining.holder = holder
  row.append(cell('Owner', holder.owner), cell('Address', holder.ip ?? '–'))
  row.append(cell('Since', timeText(holder.since)), remaining, queueCell(lock), actionsCell(lock, holder))
  tick(remaining)
  return row
}

function actionsCell(lock, holder) {
  const title = titleOf(lock)
  const button = (text, act, className = '') => {
    const made = element('button', { textContent: text, className })
    made.setAttribute('aria-label', `${text} ${title}, held by ${holder.owner}`)
    made.addEventListener('click', act)
    return made
  }
  const actions = cell(
    '',
    button('Keep alive', () => void keepAlive(lock, holder)),
    button('Change', () => ask.change(lock, holder, refresh)),
    button('Release', () => ask.release(lock, holder, refresh), 'danger'),
  )
  actions.className = 'actions'
  return actions
}

async function keepAlive(lock, holder) {
  try {
    await call.keepAlive(lock, holder, KEPT_SECONDS)
    await refresh(lock)
  } catch (error) {
    say(error.message)
  }
}

function tick(td) {
  const seconds = remainingOf(td.holder)
  td.textContent = durationText(seconds)
  td.classList.toggle('late', seconds < 30)
}

function draw() {
  drawing = undefined
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean)
  const value = columns[sort.by]
  const rows = [...byKey.values()].flatMap(rowsOf).filter(row => matches(row, words))
  const order = (a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0)
  rows.sort((a, b) => (sort.up ? order(a, b) : order(b, a)))
  const open = new Set(
    [...document.querySelectorAll('details[open]')].map(details => details.closest('tr').dataset.key),
  )
  const focused = document.activeElement?.getAttribute('aria-label')
  $('rows').replaceChildren(
    ...rows.slice(0, shown).map(row => {
      const made = rowElement(row)
      made.dataset.key = `${row.lock.prefix}/${row.lock.name}`
      if (open.has(made.dataset.key)) made.querySelector('details')?.setAttribute('open', '')
      return made
    }),
  )
  if (focused) document.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus()
  const total = [...byKey.values()].flatMap(rowsOf).length
  $('count').textContent = words.length > 0 ? `${rows.length} of ${total} holdings` : `${total} holdings`
  $('empty').hidden = total > 0
  $('more').hidden = rows.length <= shown
  for (const button of document.querySelectorAll('[data-sort]')) {
    const isSorted = button.dataset.sort === sort.by
    button.closest('th').setAttribute('aria-sort', isSorted ? (sort.up ? 'ascending' : 'descending') : 'none')
  }
}

function drawSoon() {
  drawing ??= requestAnimationFrame(draw)
}

function note(lock) {
  const seenAt = performance.now()
  const key = `${lock.prefix}/${lock.name}`
  for (const holder of lock.holders) holder.seenAt = seenAt
  if (lock.holders.length + lock.waiters.length > 0 || lock.problem) byKey.set(key, lock)
  else byKey.delete(key)
}

async function refresh({ prefix, name }) {
  note(await call.lock(prefix, name))
  drawSoon()
}

async function loadAll() {
  const locks = await call.locks()
  byKey.clear()
  locks.forEach(note)
  drawSoon()
}

/** Reads what has changed, a few at a time, and all when that is less work, until there is nothing left to read. */
async function catchUp() {
  while (isAllChanged || changed.size > 0) {
    const keys = [...changed]
    const isAll = isAllChanged || keys.length > 50
    changed.clear()
    isAllChanged = false
    try {
      if (isAll) await loadAll()
      else await Promise.all(keys.map(key => refresh(JSON.parse(key))))
      if (source.readyState === EventSource.OPEN) say('Live')
    } catch (error) {
      say(`${error.message} Trying again…`)
      isAllChanged ||= isAll
      keys.forEach(key => changed.add(key))
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }
  catching = undefined
}

/** What happens at once is read at once. */
function catchUpSoon() {
  catching ??= new Promise(resolve => setTimeout(resolve, 50)).then(catchUp)
}

function onEvent(event) {
  const { type, prefix, name, owner, by, reason } = event
  changed.add(JSON.stringify({ prefix, name }))
  catchUpSoon()
  const who = owner ? ` (${owner})` : ''
  const why = reason ? `, by ${by}: ${reason}` : ''
  const text = `${new Date().toLocaleTimeString()}  ${titleOf(event)} ${type}${who}${why}`
  $('history').prepend(element('li', { textContent: text }))
  while ($('history').childElementCount > 500) $('history').lastElementChild.remove()
}

function listen() {
  source = new EventSource('/v2/events')
  source.addEventListener('ready', () => {
    isAllChanged = true
    catchUpSoon()
  })
  source.addEventListener('message', ({ data }) => onEvent(JSON.parse(data)))
  source.addEventListener('error', () => {
    say('The connection is lost. Trying again…')
    // Whoever was answered with an error is not connected again by the browser.
    if (source.readyState === EventSource.CLOSED) setTimeout(start, PAUSE_MS)
  })
}

async function start() {
  try {
    await openSession()
    listen()
  } catch (error) {
    say(`${error.message} Trying again…`)
    setTimeout(start, PAUSE_MS)
  }
}

function say(text) {
  if ($('status').textContent !== text) $('status').textContent = text
}

$('search').addEventListener('input', () => {
  shown = STEP
  drawSoon()
})
$('more').addEventListener('click', () => {
  shown += 10 * STEP
  draw()
})
$('create').addEventListener('click', () => ask.create(session.prefixes))
$('sign-out').addEventListener('click', () =>
  call.signOut().then(
    () => location.assign('/sign-in'),
    error => say(error.message),
  ),
)
for (const button of document.querySelectorAll('[data-sort]')) {
  button.addEventListener('click', () => {
    const by = button.dataset.sort
    sort = { by, up: sort.by === by ? !sort.up : true }
    draw()
  })
}
setInterval(
  () => document.querySelectorAll('td[data-label="Remaining"]').forEach(td => td.holder && tick(td)),
  1000,
)
void start()
