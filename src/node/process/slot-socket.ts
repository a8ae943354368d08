import type { ListeningSocket } from "../http/http-server.ts";

/**
 * A copy of the socket that the workers of one place listen on, one after the other, also across
 * trees. The kernel hands connections to a socket while any process has it: where a worker was
 * killed and its process does not end, only a successor on the same socket accepts them.
 */
export class SlotSocket {
  #socket: ListeningSocket | undefined;
  /** Process ids of killed workers that may have it still. */
  readonly #stuck = new Set<number>();

  /** What the next worker listens on; undefined where it is to open one of its own. */
  get current(): ListeningSocket | undefined {
    return this.#socket;
  }

  /** The worker that runs listens on this one. */
  keep(socket: ListeningSocket | undefined): void {
    this.#socket?.close();
    this.#socket = socket;
  }

  /** The worker listens no more; others may. */
  letGo(): void {
    if (this.#stuck.size === 0) this.keep(undefined);
  }

  /** A worker was killed, and its process is still there. */
  stuck(pid: number): void {
    this.#stuck.add(pid);
  }

  /** It has ended after all. */
  gone(pid: number): void {
    this.#stuck.delete(pid);
  }
}
