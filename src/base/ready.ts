/** A value that may be available already; a promise only where it has to be waited for. */
export type Ready<T> = T | Promise<T>;

/** Goes on with a value: at once, and without a promise, where it is there. */
export function whenReady<A, B>(value: Ready<A>, use: (value: A) => Ready<B>): Ready<B> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/**
 * Resolves when the signal aborts. For signals that live no longer than the caller: the listener
 * stays.
 */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
