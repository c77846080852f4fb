/**
 * Asks in order, and does not wait for an answer before it asks further: the next is asked alongside when one has failed, or
 * has not answered within `patienceMs`. Resolves to the first answer; rejects with an AggregateError when all have failed.
 */
export function firstAnswer<T>(ask: readonly (() => Promise<T>)[], patienceMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const errors: unknown[] = []
    let timer: NodeJS.Timeout | undefined
    let asked = 0
    const askNext = (): void => {
      clearTimeout(timer)
      const next = ask[asked]
      if (!next) return
      asked++
      if (asked < ask.length) timer = setTimeout(askNext, patienceMs)
      next().then(onAnswer, onError)
    }
    const onAnswer = (answer: T): void => {
      asked = ask.length
      clearTimeout(timer)
      resolve(answer)
    }
    const onError = (error: unknown): void => {
      errors.push(error)
      if (errors.length === ask.length) reject(new AggregateError(errors, 'No endpoint has answered.'))
      askNext()
    }
    askNext()
  })
}
