import type { LoadProgress } from "../load/run-load.ts";
import { shortNumber } from "./table.ts";

/** One line that is written over, on a terminal; nothing elsewhere. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  show(text: string): void {
    if (this.#stream.isTTY) this.#stream.write(`\r\u001b[K${text}`);
  }

  clear(): void {
    this.show("");
  }

  /** A line for a run that ends after these seconds or this many operations. */
  of(
    what: string,
    goal: { readonly seconds: number; readonly count: number },
  ): (progress: LoadProgress) => void {
    return ({ seconds, succeeded, failed, bytes }) => {
      const done = succeeded + failed;
      const byCount = done === 0 ? Infinity : (seconds / done) * (goal.count - done);
      const left = Math.min(goal.seconds - seconds, byCount);
      const rates = `${shortNumber(done / seconds)}/s, ${shortNumber(bytes / 1e6 / seconds)} MB/s`;
      const wrong = failed === 0 ? "" : `, ${failed} failed`;
      const eta = Number.isFinite(left) ? `, ${Math.max(0, Math.ceil(left))} s left` : "";
      this.show(`${what}: ${done.toLocaleString("en-US")} done, ${rates}${wrong}${eta}`);
    };
  }
}
