import type { MetricFamily } from "../../admin/metrics.ts";
import type { ProcessMetrics } from "../../admin/prometheus-text.ts";
import type { Clock } from "../../platform/clock.ts";
import type { WorkerSlot } from "./worker-slot.ts";

/** A worker that takes longer is left out of this scrape. */
const answerMs = 2_000;

interface Question {
  readonly reports: ProcessMetrics[];
  readonly waitingFor: Set<WorkerSlot>;
  readonly answered: AbortController;
}

/** Asks workers for their figures, and takes what comes in time. */
export class MetricsGathering {
  readonly #clock: Clock;
  readonly #questions = new Map<number, Question>();
  #next = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async ask(slots: readonly WorkerSlot[]): Promise<ProcessMetrics[]> {
    const request = ++this.#next;
    const answered = new AbortController();
    const question = { reports: [], waitingFor: new Set(slots), answered };
    this.#questions.set(request, question);
    for (const slot of slots) slot.send({ type: "count", request });
    if (slots.length > 0) await this.#clock.sleep(answerMs, answered.signal);
    this.#questions.delete(request);
    return question.reports;
  }

  counted(slot: WorkerSlot, request: number, families: readonly MetricFamily[]): void {
    const question = this.#questions.get(request);
    if (question === undefined || !question.waitingFor.delete(slot)) return;
    question.reports.push({ process: slot.name, families });
    if (question.waitingFor.size === 0) question.answered.abort();
  }

  /** It has died and will not answer. */
  left(slot: WorkerSlot): void {
    for (const { waitingFor, answered } of this.#questions.values()) {
      waitingFor.delete(slot);
      if (waitingFor.size === 0) answered.abort();
    }
  }
}
