/**
 * A place outside the data directories that the index is shipped to, and restored from: files by
 * name, each put whole. Names have `/` between their words. All methods fail with a DiskError or a
 * StoreError, and at the signal's abort with its reason.
 */
export interface ShippingTarget {
  /** What an operator calls it, for messages. */
  readonly name: string;
  /** The names of the files in a directory, whole and in no order; none where it is not there. */
  list(directory: string, signal: AbortSignal): Promise<string[]>;
  /**
   * Durable once it resolves, and until then there whole or not at all; replaces one of its name.
   * The bytes must not change meanwhile.
   */
  put(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  get(name: string, signal: AbortSignal): Promise<Uint8Array>;
  /** It is no error if there is no such file. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}
