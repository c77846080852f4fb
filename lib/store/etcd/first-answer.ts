/**
 * Asks in order, and does not wait for an answer before it asks further: the next is asked alongside when one has failed, or
 * has not answered within `patienceMs`. Resolves to the first answer; rejects with an AggregateError when each has failed.
 *
 * Until then, those that have failed are asked again every `againMs`: one may be back long before another that is silent fails.
 */
export function firstAnswer<T>(
  ask: readonly (() => Promise<T>)[],
  patienceMs: number,
  againMs: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    /** What each has said last. */
    const errors = new Map<number, unknown>()
    const failed = new Set<number>()
    let timer: NodeJS.Timeout | undefined
    let next = 0
    const askOne = (at: number): void => {
      failed.delete(at)
      ask[at]!().then(onAnswer, (error: unknown) => onError(at, error))
    }
    const askNext = (): void => {
      clearTimeout(timer)
      if (next === ask.length) return
      const at = next++
      if (next < ask.length) timer = setTimeout(askNext, patienceMs)
      askOne(at)
    }
    const again = setInterval(() => [...failed].forEach(askOne), againMs)
    const end = (): void => {
      next = ask.length
      clearTimeout(timer)
      clearInterval(again)
    }
    const onAnswer = (answer: T): void => {
      end()
      resolve(answer)
    }
    const onError = (at: number, error: unknown): void => {
      const isFirst = !errors.has(at)
      errors.set(at, error)
      failed.add(at)
      if (isFirst) askNext()
      if (errors.size < ask.length) return
      end()
      reject(new AggregateError(errors.values(), 'No endpoint has answered.'))
    }
    askNext()
  })
}
