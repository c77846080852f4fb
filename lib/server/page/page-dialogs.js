import { call, isRelukko } from '/page-call.js'

/** Shows a dialog until it is cancelled or what it is for has been done. */
function show(id, title, fill, act) {
  const dialog = document.getElementById(id)
  const form = dialog.querySelector('form')
  const problem = form.querySelector('[role=alert]')
  form.reset()
  problem.textContent = ''
  if (title) dialog.querySelector('h2').textContent = title
  fill(form.elements, form)
  form.onsubmit = event => {
    if (event.submitter?.value !== 'ok') return
    event.preventDefault()
    act(form.elements).then(
      () => dialog.close(),
      error => (problem.textContent = error.message),
    )
  }
  dialog.showModal()
}

export const ask = {
  create: (prefixes, refresh) =>
    show(
      'create-dialog',
      undefined,
      ({ prefix }) => prefix.replaceChildren(...prefixes.map(each => new Option(each))),
      async ({ prefix, name, owner, ttl }) => {
        await call.create(prefix.value, name.value, owner.value, Number(ttl.value))
        await refresh({ prefix: prefix.value, name: name.value }).catch(() => {})
      },
    ),
  change: (lock, holder, refresh) =>
    show(
      'change-dialog',
      `Change ${lock.prefix}/${lock.name}`,
      ({ owner, expires, ttl }, form) => {
        for (const label of form.querySelectorAll('.relukko')) label.hidden = !isRelukko(lock)
        for (const label of form.querySelectorAll('.native')) label.hidden = isRelukko(lock)
        owner.value = holder.owner
        expires.defaultValue = expires.value = (holder.expires_at ?? '').slice(0, 19)
        ttl.value = holder.ttl
      },
      async ({ owner, expires, ttl }) => {
        // What is not changed keeps its microseconds.
        const isNew = expires.value !== expires.defaultValue
        const time = isNew && expires.value && `${expires.value.padEnd(19, ':00')}Z`
        await call.change(lock, holder, { owner: owner.value, expires: time, ttl: Number(ttl.value) })
        await refresh(lock)
      },
    ),
  release: (lock, holder, refresh) =>
    show(
      'release-dialog',
      `Release ${lock.prefix}/${lock.name}, held by ${holder.owner}`,
      () => {},
      async ({ reason }) => {
        await call.release(lock, holder, reason.value)
        await refresh(lock)
      },
    ),
}
