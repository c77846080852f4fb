import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

type Answer = { readonly answer: unknown } | { readonly failed: string }

/** A process of this bench with a role of its own, so that what it uses is told apart from what others use. */
export class Child implements AsyncDisposable {
  private readonly ended: Promise<never>

  private constructor(
    private readonly child: ChildProcess,
    private readonly role: string,
  ) {
    this.ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the process '${role}' has ended with ${code ?? signal}`)
    })
    this.ended.catch(() => {})
  }

  /**
   * Resolves when the process says that it is ready.
   * @param argument what the role needs to begin, as JSON.
   * @param flags of Node.
   */
  static async start(role: string, argument: unknown, flags: readonly string[] = []): Promise<Child> {
    const child = fork(process.argv[1]!, ['role', role, JSON.stringify(argument)], {
      serialization: 'advanced',
      execArgv: [...flags],
    })
    const started = new Child(child, role)
    await Promise.race([once(child, 'message'), started.ended])
    return started
  }

  /** One question at a time. @throws Error when it cannot be answered, or the process ends. */
  async ask<T>(question: unknown): Promise<T> {
    this.child.send(question as object)
    const [answer] = (await Promise.race([once(this.child, 'message'), this.ended])) as [Answer]
    if ('failed' in answer) throw new Error(`${this.role}: ${answer.failed}`)
    return answer.answer as T
  }

  /** SIGKILL, as in a crash. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended.catch(() => {})
  }

  /** Lets it close what it has opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.connected) this.child.disconnect()
    await this.ended.catch(() => {})
  }
}

/** What the process of a {@link Child} does, until its parent is gone. */
export function answerQuestions(
  answerOf: (question: never) => Promise<unknown>,
  close: () => Promise<unknown>,
): void {
  process.on('message', question => {
    answerOf(question as never).then(
      answer => process.send!({ answer }),
      (error: Error) => process.send!({ failed: error.stack }),
    )
  })
  process.on('disconnect', () => void close().finally(() => process.exit()))
  process.send!('ready')
}
