import type { Clock } from "../../platform/platform.ts";
import type { NamedAnswer, TreeAnswer, TreeQuestion } from "../../server/tree-questions.ts";
import type { WorkerSlot } from "./worker-slot.ts";

/** @limit A worker that takes longer is left out. */
const answerMs = 2_000;

interface Asked {
  readonly answers: NamedAnswer[];
  readonly waitingFor: Set<WorkerSlot>;
  readonly answered: AbortController;
}

/** Asks workers a question, and takes what comes in time. */
export class QuestionRounds {
  readonly #clock: Clock;
  readonly #asked = new Map<number, Asked>();
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async ask(slots: readonly WorkerSlot[], question: TreeQuestion): Promise<NamedAnswer[]> {
    const request = ++this.#next;
    const answered = new AbortController();
    const asked: Asked = { answers: [], waitingFor: new Set(slots), answered };
    this.#asked.set(request, asked);
    for (const slot of slots) slot.send({ type: "ask", request, question });
    if (slots.length > 0) await this.#clock.sleep(answerMs, answered.signal);
    this.#asked.delete(request);
    return asked.answers;
  }

  answered(slot: WorkerSlot, request: number, answer: TreeAnswer): void {
    const asked = this.#asked.get(request);
    if (asked === undefined || !asked.waitingFor.delete(slot)) return;
    asked.answers.push({ process: slot.name, answer });
    if (asked.waitingFor.size === 0) asked.answered.abort();
  }

  /** Called when a worker has died and will not answer. */
  left(slot: WorkerSlot): void {
    for (const { waitingFor, answered } of this.#asked.values()) {
      waitingFor.delete(slot);
      if (waitingFor.size === 0) answered.abort();
    }
  }
}
