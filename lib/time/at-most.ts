/** Waits until all of this has ended, however it does, and not longer than so many milliseconds. */
export async function atMost(ms: number, work: Iterable<Promise<unknown>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise(resolve => (timer = setTimeout(resolve, ms)))
  await Promise.race([Promise.allSettled(work), late])
  clearTimeout(timer)
}
