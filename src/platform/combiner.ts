/**
 * Computes linear combinations of byte strings over GF(256), which is all that encoding and
 * decoding of erasure codes are: output i becomes the sum over j of `coefficients[i][j]` times
 * input j, byte by byte. Outputs and inputs are all of one length, and no output overlaps another
 * or an input.
 *
 * What lies in the memory that threads share (`Platform.memory`) is read and written where it is;
 * other bytes are copied on the way.
 */
export interface Combiner {
  /** Computes at once, on this thread: for a few blocks. */
  combine(
    outputs: readonly Uint8Array[],
    inputs: readonly Uint8Array[],
    coefficients: readonly Uint8Array[],
  ): void;
  /**
   * Computes on another thread: for more. Until it resolves the inputs must not change, and the
   * outputs hold anything. StoreError `unavailable`: the thread has ended; the outputs are not to be used.
   */
  combineOffThread(
    outputs: readonly Uint8Array[],
    inputs: readonly Uint8Array[],
    coefficients: readonly Uint8Array[],
  ): Promise<void>;
}
