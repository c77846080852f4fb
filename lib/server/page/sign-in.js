// Why the last attempt was refused, which the address tells.
const problems = {
  wrong: 'User or password is wrong.',
  often: 'That was wrong too often. Wait for a minute.',
}
document.querySelector('#problem').textContent =
  problems[new URLSearchParams(location.search).get('problem')] ?? ''
