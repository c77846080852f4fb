// Why the last attempt was refused, which the address tells.
const problems = new Map([
  ['wrong', 'User or password is wrong.'],
  ['often', 'That was wrong too often. Wait for a minute.'],
])
document.querySelector('#problem').textContent =
  problems.get(new URLSearchParams(location.search).get('problem')) ?? ''
