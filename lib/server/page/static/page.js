import { call, isRelukko, titleOf } from '/page-call.js'
import { ask } from '/page-dialogs.js'
import { addEvent, addGap, showHistory } from '/page-history.js'
import { Live } from '/page-live.js'
import { allRows, note } from '/page-locks.js'
import { Reading } from '/page-reading.js'
import { showRows, tickRows } from '/page-rows.js'
import { durationText } from '/page-text.js'

/** Rows that are drawn at first; thousands at once would make the page slow. */
const STEP = 100
/** For how long, at least, a lock is kept alive from now on. */
const KEPT_SECONDS = 300
/** Pause between two drawings, however much happens. */
const DRAW_MS = 250
/** While a button is pressed, rows do not move under the pointer; this is the longest that a press counts. */
const PRESS_MS = 3_000
/** The number of matches is announced once the user stops typing. */
const TYPED_MS = 700

const $ = id => document.getElementById(id)
let sort = { by: 'name', up: true }
let shown = STEP
let drawing
let drawnAt = -Infinity
let pressedAt = -Infinity
let telling

const reading = new Reading(drawSoon)
const live = new Live({
  onReady: () => reading.addAll(),
  onEvent: event => {
    addEvent(event)
    reading.add(event)
    drawSoon()
  },
  onGap: addGap,
  onState: showState,
})

const acts = {
  'Keep alive': ({ lock, holder }) => tried(() => keepAlive(lock, holder)),
  Change: row => ask.change(row, refresh),
  Release: row => ask.release(row, refresh),
}

/** It never shortens what is left, and leaves native holders their ttl. */
async function keepAlive(lock, { id }) {
  const now = await refresh(lock)
  const holder = now.holders.find(each => each.id === id)
  if (!holder) return `${titleOf(lock)} is not held under this id any more.`
  if (!isRelukko(lock, holder)) await call.extend(lock, holder, holder.ttl)
  else if (holder.expires_in < KEPT_SECONDS) await call.keepAlive(holder, KEPT_SECONDS)
  else return `${titleOf(lock)} lasts for ${durationText(holder.expires_in)} anyway: there is nothing to do.`
  await refresh(lock)
  return ''
}

async function refresh(lock) {
  const now = await call.lock(lock)
  note(now)
  drawSoon()
  return now
}

/** What comes of it is said until the next action. */
async function tried(act) {
  $('message').textContent = ''
  $('message').textContent = await act().catch(error => error.message)
}

function draw() {
  clearTimeout(drawing)
  drawing = undefined
  drawnAt = performance.now()
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean)
  const all = allRows()
  const rows =
    words.length === 0 ? [...all] : all.filter(({ text }) => words.every(word => text.includes(word)))
  rows.sort(order)
  showRows(rows.slice(0, shown), acts)
  showHistory()
  $('count').textContent =
    words.length > 0 ? `${rows.length} of ${all.length} holdings` : `${all.length} holdings`
  $('empty').hidden = rows.length > 0 || live.problem === 'Loading…'
  $('empty').textContent = all.length > 0 ? 'No lock matches the search.' : 'No lock is held.'
  $('more').hidden = rows.length <= shown
  showState()
}

/** Those that are the same in what they are sorted by are in the order of their names, then of their coming. */
function order(a, b) {
  const [x, y] = sort.up ? [a, b] : [b, a]
  return (
    compared(x.sort[sort.by], y.sort[sort.by]) ||
    compared(a.sort.name, b.sort.name) ||
    compared(a.since, b.since) ||
    compared(a.key, b.key)
  )
}

function compared(a, b) {
  return a < b ? -1 : a > b ? 1 : 0
}

function drawSoon() {
  drawing ??= setTimeout(drawUnpressed, Math.max(0, drawnAt + DRAW_MS - performance.now()))
}

function drawUnpressed() {
  if (performance.now() - pressedAt > PRESS_MS) requestAnimationFrame(draw)
  else drawing = setTimeout(drawUnpressed, 50)
}

function showState() {
  const problem = live.problem || (reading.problem && `${reading.problem} Trying again…`)
  const text = problem || 'Live'
  if ($('status').textContent !== text) $('status').textContent = text
}

function sortBy(by, up) {
  sort = { by, up }
  for (const button of document.querySelectorAll('[data-sort]')) {
    const isSorted = button.dataset.sort === by
    button.closest('th').setAttribute('aria-sort', isSorted ? (up ? 'ascending' : 'descending') : 'none')
  }
  $('sort').value = by
  $('turn').textContent = up ? '▲' : '▼'
  draw()
}

function tellCount() {
  clearTimeout(telling)
  telling = setTimeout(() => ($('found').textContent = $('count').textContent), TYPED_MS)
}

$('search').addEventListener('input', () => {
  shown = STEP
  draw()
  tellCount()
})
$('more').addEventListener('click', () => {
  shown += 10 * STEP
  draw()
})
$('create').addEventListener('click', () => ask.create())
$('sign-out').addEventListener('click', () =>
  tried(async () => {
    await call.signOut()
    // What the browser keeps of the page shows nothing.
    live.stop()
    document.body.replaceChildren()
    location.assign('/sign-in')
  }),
)
for (const button of document.querySelectorAll('[data-sort]')) {
  const { sort: by } = button.dataset
  button.addEventListener('click', () => sortBy(by, sort.by === by ? !sort.up : true))
}
$('sort').addEventListener('change', () => sortBy($('sort').value, true))
$('turn').addEventListener('click', () => sortBy(sort.by, !sort.up))
$('rows').addEventListener('pointerdown', () => (pressedAt = performance.now()))
for (const type of ['pointerup', 'pointercancel']) addEventListener(type, () => (pressedAt = -Infinity))
// One that the browser has kept is as old as when it was left, and maybe of a session that is over.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
setInterval(tickRows, 1000)
