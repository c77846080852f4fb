import { call, isRelukko, session, titleOf } from '/page-call.js'
import { bdi, timeText } from '/page-text.js'

const showings = new WeakMap()

for (const button of document.querySelectorAll('dialog .cancel'))
  button.addEventListener('click', () => button.closest('dialog').close())

/** Shows a dialog until it is cancelled or what it is for has been done. */
function show(id, fill, act) {
  const dialog = document.getElementById(id)
  const form = dialog.querySelector('form')
  const problem = form.querySelector('[role=alert]')
  // What was asked in an earlier showing, and is answered only now, is not to end this one.
  const showing = {}
  showings.set(dialog, showing)
  const isShown = () => showings.get(dialog) === showing
  const done = form.querySelector('[value=ok]')
  done.disabled = false
  form.reset()
  problem.textContent = ''
  fill(form.elements, form)
  form.onsubmit = event => {
    event.preventDefault()
    done.disabled = true
    act(form.elements)
      .then(
        () => isShown() && dialog.close(),
        error => isShown() && (problem.textContent = error.message),
      )
      .finally(() => isShown() && (done.disabled = false))
  }
  dialog.showModal()
}

/** Which holding it is about: one lock may have several of one owner. */
function name(form, what, { lock, holder, since }) {
  form.querySelector('h2').replaceChildren(`${what} `, bdi(titleOf(lock)))
  const held = ['Held by ', bdi(holder.owner), ` since ${timeText(since)} UTC, id `, bdi(holder.id)]
  form.querySelector('.which').replaceChildren(...held)
}

export const ask = {
  create: () =>
    show(
      'create-dialog',
      ({ prefix, owner }) => {
        prefix.replaceChildren(...session.prefixes.map(each => new Option(each)))
        owner.value = session.user
      },
      ({ prefix, name, owner, ttl }) => call.create(prefix.value, name.value, owner.value, Number(ttl.value)),
    ),
  change: (row, refresh) => {
    const { lock, holder } = row
    const isOfRelukko = isRelukko(lock, holder)
    show(
      'change-dialog',
      ({ owner, expires, ttl }, form) => {
        name(form, 'Change', row)
        for (const label of form.querySelectorAll('.relukko')) label.hidden = !isOfRelukko
        for (const label of form.querySelectorAll('.native')) label.hidden = isOfRelukko
        owner.defaultValue = holder.creator ?? ''
        expires.defaultValue = (holder.expires_at ?? '').slice(0, 19)
        // As the browser writes it.
        for (const field of [owner, expires]) field.dataset.before = field.value
        ttl.value = holder.ttl
      },
      async ({ owner, expires, ttl }) => {
        if (isOfRelukko) await change(holder, owner, expires)
        else await call.extend(lock, holder, Number(ttl.value))
        await refresh(lock)
      },
    )
  },
  release: (row, refresh) =>
    show(
      'release-dialog',
      (_, form) => name(form, 'Release', row),
      async ({ reason }) => {
        await call.release(row.lock, row.holder, reason.value)
        await refresh(row.lock)
      },
    ),
}

/** What is not changed here keeps its microseconds, and what others make of it meanwhile. */
async function change(holder, owner, expires) {
  const edited = field => (field.value === field.dataset.before ? undefined : field.value)
  const [newOwner, time] = [owner, expires].map(edited)
  if (newOwner === '') throw new Error('The owner cannot be left out. Name one, or leave it as it was.')
  if (time === '') throw new Error('Say when it expires, or leave it as it was.')
  await call.change(holder, newOwner, time && new Date(`${time}Z`).toISOString())
}
