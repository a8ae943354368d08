import type { Metrics } from "../../admin/metrics.ts";
import type { ProcessMetrics } from "../../admin/prometheus-text.ts";
import { messageOf } from "../../base/errors.ts";
import type { SessionRoster } from "../../server/session-roster.ts";
import { emptyRoster } from "../../server/session-roster.ts";
import type { FromWorker, StartMessage, ToWorker } from "./messages.ts";

/** How long a scrape waits for the supervisor's answer (which waits 2 s for each process), before it goes without. */
const gatherMs = 3_000;

/** A worker's end of the channel to the supervisor. */
export class WorkerChannel {
  readonly #stop = new AbortController();
  readonly #started = Promise.withResolvers<StartMessage>();
  readonly #gathering = new Map<number, (reports: readonly ProcessMetrics[]) => void>();
  #requests = 0;
  #roster = emptyRoster;
  /** What this process counts; the supervisor asks for it. */
  metrics: Metrics | undefined;
  /** Called when somebody began or died. */
  onRoster: (() => void) | undefined;

  constructor() {
    process.on("message", (message: ToWorker) => this.#receive(message));
    // A terminal's Ctrl-C reaches the whole process group, but the order of ending is the supervisor's business.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
  }

  get started(): Promise<StartMessage> {
    return this.#started.promise;
  }

  /** Aborts when this process must finish what it has in hand and end. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /** As of the supervisor's last word. */
  get roster(): SessionRoster {
    return this.#roster;
  }

  send(message: FromWorker): void {
    if (process.connected) process.send?.(message);
  }

  indexFailed(cause: unknown): void {
    this.send({ type: "index_failed", message: messageOf(cause) });
  }

  /** What the other processes of the tree have counted. */
  gather(): Promise<readonly ProcessMetrics[]> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      const timeout = setTimeout(() => finish([]), gatherMs);
      const finish = (reports: readonly ProcessMetrics[]): void => {
        clearTimeout(timeout);
        this.#gathering.delete(request);
        resolve(reports);
      };
      this.#gathering.set(request, finish);
      this.send({ type: "gather", request });
    });
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case "start":
        this.#started.resolve(message);
        return;
      case "stop":
        this.#stop.abort();
        return;
      case "roster":
        this.#roster = message.roster;
        this.onRoster?.();
        return;
      case "count": {
        const families = this.metrics?.read() ?? [];
        this.send({ type: "counted", request: message.request, families });
        return;
      }
      case "gathered":
        this.#gathering.get(message.request)?.(message.reports);
    }
  }
}
