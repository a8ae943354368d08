import type { SimProcess } from "../process.ts";

/**
 * The lock of the index's writer, which the processes of a machine share: it goes on to the next
 * when its holder lets go of it or dies.
 */
export class IndexLock {
  #holder: SimProcess | undefined;
  #waiting: { readonly process: SimProcess; readonly enter: () => void }[] = [];

  get holder(): SimProcess | undefined {
    return this.#holder;
  }

  async take(process: SimProcess): Promise<void> {
    if (this.#holder?.alive === true) {
      await new Promise<void>((enter) => void this.#waiting.push({ process, enter }));
    }
    this.#holder = process;
    // One that is paused holds it, and does nothing with it.
    await process.perform("lock of the index", 0, () => undefined);
  }

  release(process: SimProcess): void {
    if (this.#holder !== process) return;
    this.#holder = undefined;
    this.#waiting = this.#waiting.filter((waiting) => waiting.process.alive);
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#holder = next.process;
    next.enter();
  }
}
