/** Signed requests that are kept: as many 16 KiB puts take 64 MiB. */
const requestsMax = 4096;
/** Servers take a signature for 15 minutes. */
const keptMs = 5 * 60_000;

/**
 * Requests signed before, to be sent again as they are: a run that goes round over few objects
 * spends nothing on signing. Once it is full, others are signed each time.
 */
export class SignedRequests {
  readonly #kept = new Map<string, Buffer>();
  #emptiedMs = Date.now();

  get(operation: string, index: number, sign: () => Buffer): Buffer {
    const name = `${operation}${index}`;
    const found = this.#kept.get(name);
    if (found !== undefined && Date.now() - this.#emptiedMs < keptMs) return found;
    if (found !== undefined) {
      this.#kept.clear();
      this.#emptiedMs = Date.now();
    }
    const made = sign();
    if (this.#kept.size < requestsMax) this.#kept.set(name, made);
    return made;
  }
}
