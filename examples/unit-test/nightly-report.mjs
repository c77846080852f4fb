/** What is tested here: writes the report of a day, unless another process does so. */
export async function nightlyReport(lock, write) {
  const held = await lock.tryAcquire('nightly-report', { ttl: 60 })
  if (!held) return 'another process writes it'
  try {
    await write(held.signal)
    return 'written'
  } finally {
    await held.release()
  }
}
