import { noBytes } from "../base/bytes.ts";

/**
 * Reads lines and runs of bytes from a stream of pieces, holding one piece at a time, and none that was handed out to
 * its end: who has the whole of it may free its memory.
 */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = noBytes;
  #at = 0;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  /** The next bytes, at least one and at most `bytesMax`, as a view; undefined at the end. */
  async take(bytesMax: number): Promise<Uint8Array | undefined> {
    if (!(await this.#fill())) return undefined;
    const taken = this.#piece.subarray(this.#at, this.#at + bytesMax);
    this.#at += taken.length;
    if (this.#at === this.#piece.length) this.#letGo();
    return taken;
  }

  /**
   * The next line without its CRLF, one character a byte. `end`: there is none; `cut`: the bytes ended within it; `long`:
   * it is longer than `bytesMax`.
   */
  async line(bytesMax: number): Promise<{ readonly text: string } | "end" | "cut" | "long"> {
    let text = "";
    while (await this.#fill()) {
      while (this.#at < this.#piece.length) {
        text += String.fromCharCode(this.#piece[this.#at]!);
        this.#at += 1;
        if (text.endsWith("\r\n")) return { text: text.slice(0, -2) };
        if (text.length >= bytesMax + 2) return "long";
      }
    }
    return text === "" ? "end" : "cut";
  }

  /** Tells the stream that nobody reads on. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  #letGo(): void {
    this.#piece = noBytes;
    this.#at = 0;
  }

  async #fill(): Promise<boolean> {
    while (this.#at === this.#piece.length) {
      const next = await this.#iterator.next();
      if (next.done === true) return false;
      this.#piece = next.value;
      this.#at = 0;
    }
    return true;
  }
}
