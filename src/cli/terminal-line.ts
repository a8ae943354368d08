/** @limit Time between two lines of progress on a terminal. */
const progressMs = 200;

/** One line on a terminal that is written again and again. */
export class TerminalLine {
  #nextMs = 0;

  show(text: string): void {
    if (performance.now() < this.#nextMs) return;
    this.#nextMs = performance.now() + progressMs;
    process.stderr.write(`\r\u001b[K${text}`);
  }

  end(): void {
    process.stderr.write("\r\u001b[K");
  }
}
