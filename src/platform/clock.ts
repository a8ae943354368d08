/** Time. In the simulator it stands still until everybody waits. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970; may jump either way. For people and HTTP, not for order. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For measuring and deadlines. */
  monotonicMs(): number;
  /**
   * Resolves after `ms` milliseconds, or earlier (still resolving) when the signal aborts: a loop
   * checks its signal after each sleep, so cancellation is not an error path of its own.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Resolves, without waiting, when all that has arrived by now has been handed to whom it is for. */
  turn(): Promise<void>;
}
