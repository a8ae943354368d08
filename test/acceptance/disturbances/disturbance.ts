import type { HoldfastServer } from "../holdfast-server.ts";
import type { RemovedFiles } from "./removed-files.ts";

// Disturbances of a server under load: each kind has a file next to this one, and a line in
// ../disturbed-run.ts.

export interface Disturbance {
  readonly name: string;
  /** How often it comes, compared with the others. */
  readonly weight: number;
  /**
   * Resolves when it is done: with "ended" where the server has gone, and has to be started again.
   */
  readonly strike: (scene: Scene) => Promise<"goes on" | "ended">;
}

export interface Scene {
  readonly server: HoldfastServer;
  readonly directories: readonly string[];
  readonly removed: RemovedFiles;
  /** A process is stopped for so long at the most. */
  readonly stopMsMax: number;
  /** A process that gives no sign of life for so long has to be killed and replaced. */
  readonly silenceMs: number;
}

export function pick<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)]!; // not empty
}

/** Each of some cards as often as its weight says, in an order of chance, and then again. */
export class Deck<T extends { readonly weight: number }> {
  readonly #cards: readonly T[];
  #left: T[] = [];

  constructor(cards: readonly T[]) {
    this.#cards = cards;
  }

  draw(): T {
    if (this.#left.length === 0) {
      this.#left = this.#cards.flatMap((card) => Array.from({ length: card.weight }, () => card));
    }
    return this.#left.splice(Math.floor(Math.random() * this.#left.length), 1)[0]!; // not empty
  }
}
