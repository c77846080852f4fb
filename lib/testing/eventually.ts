/** Repeats an assertion until it holds; throws its last error when it does not hold in time. */
export async function eventually(assertion: () => unknown, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs
  for (;;) {
    try {
      await assertion()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
