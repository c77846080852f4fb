/** Repeats an assertion until it holds; throws its last error when it does not hold in time. */
export async function eventually(assertion: () => unknown, timeoutMs = 10_000): Promise<void> {
  const start = performance.now()
  for (;;) {
    try {
      await assertion()
      return
    } catch (error) {
      if (performance.now() - start > timeoutMs) throw error
    }
    // What takes longer is asked for less often, since the question may be a call to etcd: a tenth of the time is lost.
    const pause = Math.min(50, Math.max(10, (performance.now() - start) / 10))
    await new Promise(resolve => setTimeout(resolve, pause))
  }
}
