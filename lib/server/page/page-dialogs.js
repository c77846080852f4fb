import { call, isRelukko, titleOf } from '/page-call.js'

const showings = new WeakMap()

/** Shows a dialog until it is cancelled or what it is for has been done. */
function show(id, title, fill, act) {
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
  if (title) dialog.querySelector('h2').textContent = title
  fill(form.elements, form)
  form.onsubmit = event => {
    if (event.submitter?.value !== 'ok') return
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

export const ask = {
  create: prefixes =>
    show(
      'create-dialog',
      undefined,
      ({ prefix }) => prefix.replaceChildren(...prefixes.map(each => new Option(each))),
      ({ prefix, name, owner, ttl }) => call.create(prefix.value, name.value, owner.value, Number(ttl.value)),
    ),
  change: (lock, holder, refresh) =>
    show(
      'change-dialog',
      `Change ${titleOf(lock)}`,
      ({ owner, expires, ttl }, form) => {
        for (const label of form.querySelectorAll('.relukko')) label.hidden = !isRelukko(lock)
        for (const label of form.querySelectorAll('.native')) label.hidden = isRelukko(lock)
        owner.defaultValue = holder.creator === undefined ? holder.owner : (holder.creator ?? '')
        expires.defaultValue = (holder.expires_at ?? '').slice(0, 19)
        // As the browser writes it.
        for (const field of [owner, expires]) field.dataset.before = field.value
        ttl.value = holder.ttl
      },
      async ({ owner, expires, ttl }) => {
        // What is not changed here keeps its microseconds, and what others make of it meanwhile.
        const edited = field => (field.value === field.dataset.before ? undefined : field.value)
        const [newOwner, time] = [owner, expires].map(edited)
        if (newOwner === '')
          throw new Error('The owner cannot be left out. Name one, or leave him as he was.')
        if (time === '') throw new Error('Say when it expires, or leave it as it was.')
        const newExpiry = time && new Date(`${time}Z`).toISOString()
        await call.change(lock, holder, { owner: newOwner, expires: newExpiry, ttl: Number(ttl.value) })
        await refresh(lock)
      },
    ),
  release: (lock, holder, refresh) =>
    show(
      'release-dialog',
      `Release ${titleOf(lock)}, held by ${holder.owner}`,
      () => {},
      async ({ reason }) => {
        await call.release(lock, holder, reason.value)
        await refresh(lock)
      },
    ),
}
