import type * as Testcontainers from 'testcontainers'
import { LockError } from '../model/errors.js'

export interface EtcdContainerOptions {
  /** An image with `etcd` on its PATH; the official one when not given. */
  readonly image?: string
  /** Further flags of etcd. */
  readonly args?: readonly string[]
  /** How long a start may take until etcd serves, milliseconds; default 60000. */
  readonly startTimeoutMs?: number
}

/** What is used of a container of testcontainers. */
export interface RunningContainer {
  getId(): string
  getHost(): string
  getMappedPort(port: number): number
  stop(): Promise<unknown>
}

const IMAGE = 'gcr.io/etcd-development/etcd:v3.5.21'
const CLIENT_PORT = 2379
/** What every etcd from 3.4 on says when clients may come. */
const SERVES = /ready to serve client requests|serving insecure client requests/

/**
 * A real etcd in a container of its own, for tests; needs a container engine and the package testcontainers, which only
 * this class loads. Where there is no engine, {@link EtcdServer} gives the same without one.
 */
export class EtcdContainer implements AsyncDisposable {
  private constructor(
    /** As testcontainers knows it. */
    readonly container: RunningContainer,
  ) {}

  /** Resolves when etcd serves. @throws LockError without testcontainers, or when the container cannot be started. */
  static async start(options: EtcdContainerOptions = {}): Promise<EtcdContainer> {
    const { image = IMAGE, args = [], startTimeoutMs = 60_000 } = options
    const { GenericContainer, Wait } = await testcontainers()
    const url = `http://0.0.0.0:${CLIENT_PORT}`
    const generic = new GenericContainer(image)
      .withCommand(['etcd', '--listen-client-urls', url, '--advertise-client-urls', url, ...args])
      .withExposedPorts(CLIENT_PORT)
      .withWaitStrategy(Wait.forLogMessage(SERVES))
      .withStartupTimeout(startTimeoutMs)
    try {
      return new EtcdContainer(await generic.start())
    } catch (cause) {
      throw new LockError(
        `The container of ${image} could not be started: ${(cause as Error).message}. Check that a container engine ` +
          'runs and that it has the image or can pull it.',
        { cause },
      )
    }
  }

  /** For clients, for example `http://localhost:32768`. */
  get endpoint(): string {
    return `http://${this.container.getHost()}:${this.container.getMappedPort(CLIENT_PORT)}`
  }

  get endpoints(): string[] {
    return [this.endpoint]
  }

  /** Ends etcd and removes the container. May be repeated. */
  async stop(): Promise<void> {
    this.stopped ??= this.container.stop().then(() => {})
    await this.stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  private stopped: Promise<void> | undefined
}

async function testcontainers(): Promise<typeof Testcontainers> {
  try {
    return await import('testcontainers')
  } catch (cause) {
    throw new LockError('EtcdContainer needs a package: npm install --save-dev testcontainers@11', { cause })
  }
}
