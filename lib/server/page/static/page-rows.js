import { Row } from '/page-row.js'

/** The rows that are seen, by their keys. */
const seen = new Map()
const body = document.getElementById('rows')

/** Shows these rows, in their order. What is shown already is changed and moved, and only where it must be. */
export function showRows(rows, acts) {
  const keys = new Set(rows.map(({ key }) => key))
  const focused = document.activeElement
  const place = [...body.children].findIndex(row => row.contains(focused))
  for (const [key, { element }] of seen) {
    if (keys.has(key)) continue
    element.remove()
    seen.delete(key)
  }
  const before = new Map([...body.children].map((element, at) => [element, at]))
  const wanted = rows.map(row => {
    const own = seen.get(row.key) ?? new Row(row, acts)
    seen.set(row.key, own)
    own.update(row)
    return own.element
  })
  const stay = rising(wanted.map(element => before.get(element)))
  let next = null
  for (const element of wanted.reverse()) {
    if (!stay.has(before.get(element))) body.insertBefore(element, next)
    next = element
  }
  if (place >= 0 && document.activeElement !== focused) refocus(focused, place)
}

export function tickRows() {
  for (const row of seen.values()) row.tick()
}

/** Keeps the keyboard focus where it was: on the same button, or on what has taken its place. */
function refocus(focused, place) {
  const inPlace = body.children[Math.min(place, body.children.length - 1)]?.querySelector('button')
  const target = focused.isConnected ? focused : (inPlace ?? document.getElementById('search'))
  target.focus({ preventScroll: true })
}

/** The longest rising run among the places where elements were: these need not move. New ones have no place. */
function rising(places) {
  const ends = []
  const previous = new Map()
  for (const place of places) {
    if (place === undefined) continue
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle] < place) low = middle + 1
      else high = middle
    }
    previous.set(place, ends[low - 1])
    ends[low] = place
  }
  const run = new Set()
  for (let place = ends.at(-1); place !== undefined; place = previous.get(place)) run.add(place)
  return run
}
