import { StoreError } from "../base/errors.ts";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Aborts when the operator ends the command, by Ctrl-C or as a service; it then ends cleanly.
 */
export function untilInterrupted(): AbortSignal {
  const stop = new AbortController();
  for (const name of endingSignals) process.once(name, () => stop.abort());
  return stop.signal;
}

/** Aborts a command's work when the operator ends it, with a StoreError that says so. */
export class Interruption implements Disposable {
  readonly #stop = new AbortController();
  readonly #onSignal = (): void => {
    this.#stop.abort(new StoreError("cancelled", "it was stopped"));
  };

  constructor() {
    for (const name of endingSignals) process.on(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  [Symbol.dispose](): void {
    for (const name of endingSignals) process.off(name, this.#onSignal);
  }
}

/**
 * @limit One request to end may arrive as several signals: a terminal's Ctrl-C, and a service
 * manager that ends a whole group, reach this process, bin/holdfast.js and npm, and both of those
 * forward what they get. A person who asks again takes longer.
 */
export const sameRequestMs = 1_000;

/** Distinguishes requests to end, by the times at which signals arrive. */
export class StopRequests {
  #firstMs: number | undefined;

  /** Says if the signal is the first request, one more arrival of it, or another request. */
  arrived(atMs: number): "first" | "same" | "again" {
    if (this.#firstMs === undefined) {
      this.#firstMs = atMs;
      return "first";
    }
    return atMs - this.#firstMs < sameRequestMs ? "same" : "again";
  }
}

export interface StopOptions {
  /** Called at the first request. */
  readonly stopping: () => void;
  /** Called at the second. */
  readonly endAtOnce: () => void;
}

/** Aborts at the first request to end a server. */
export function untilStopped({ stopping, endAtOnce }: StopOptions): AbortSignal {
  const stop = new AbortController();
  const requests = new StopRequests();
  const begin = (): void => {
    stopping();
    stop.abort();
  };
  const onSignal = (): void => {
    const request = requests.arrived(performance.now());
    if (request === "first") begin();
    else if (request === "again") endAtOnce();
  };
  for (const name of endingSignals) process.on(name, onSignal);
  // Started through a channel (by bin/holdfast.js on an old Node): the process at the other end has
  // gone.
  process.once("disconnect", () => {
    if (!stop.signal.aborted) begin();
  });
  process.channel?.unref();
  return stop.signal;
}
