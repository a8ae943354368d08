// A process of the load: it gets its plan from its parent, says from time to time how far it is,
// and at the end what it saw.
import { setTimeout as sleep } from "node:timers/promises";
import { Content } from "./content.ts";
import { chooseIndex } from "./key-space.ts";
import { Operations } from "./operations.ts";
import { type Operation, type Plan, shareOf } from "./plan.ts";
import { S3Client } from "./s3-client.ts";
import { choose } from "./shares.ts";
import { LoadTally, type TallyData } from "./load-tally.ts";

export interface StartMessage {
  readonly plan: Plan;
  /** Which of the processes this is. */
  readonly number: number;
  /** The wall-clock time at which all processes begin together. */
  readonly startMs: number;
}

export type ToLoad = StartMessage | "stop";

export type FromLoad =
  | {
      readonly kind: "progress";
      readonly succeeded: number;
      readonly failed: number;
      readonly bytes: number;
    }
  | {
      readonly kind: "done";
      readonly tally: TallyData;
      readonly seconds: number;
      readonly cpuSeconds: number;
    };

const progressMs = 250;
/**
 * After a failure a connection waits, so that a server that is down is not asked a million times.
 */
const pauseAfterFailureMs = 20;

class LoadRun {
  readonly #start: StartMessage;
  readonly #operations: Operations;
  #tally = new LoadTally();
  #stopped = false;
  readonly #brokenOff = Promise.withResolvers<void>();
  #begun = 0;
  /** How often each operation was begun. */
  readonly #turns = new Map<Operation, number>();
  #measuredFromMs = 0;
  #cpu = process.cpuUsage();

  constructor(start: StartMessage) {
    this.#start = start;
    this.#operations = new Operations(start.plan, new Content(start.plan.space.seed));
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    const { plan, number, startMs } = this.#start;
    await sleep(Math.max(0, startMs - Date.now()));
    this.#measure();
    const { warmupSeconds } = plan;
    const warmup =
      warmupSeconds > 0 ? setTimeout(() => this.#measure(), warmupSeconds * 1000) : undefined;
    const end = setTimeout(
      () => {
        this.stop();
        if (plan.breaksOff === true) this.#brokenOff.resolve();
      },
      Math.min(2 ** 31 - 1, (warmupSeconds + plan.seconds) * 1000),
    );
    const progress = setInterval(() => this.#report(), progressMs);
    const lanes = shareOf(plan.concurrency, plan.processes, number);
    const ended = Promise.all(Array.from({ length: lanes }, () => this.#lane()));
    // Connections that are still busy then end with the process.
    await Promise.race([ended, this.#brokenOff.promise]);
    for (const timer of [warmup, end, progress]) clearTimeout(timer);
    const seconds = (performance.now() - this.#measuredFromMs) / 1000;
    const { user, system } = process.cpuUsage(this.#cpu);
    const cpuSeconds = (user + system) / 1e6;
    send({ kind: "done", tally: this.#tally.data(), seconds, cpuSeconds });
  }

  /** Begins to measure: what was seen so far does not count. */
  #measure(): void {
    this.#tally = new LoadTally();
    this.#measuredFromMs = performance.now();
    this.#cpu = process.cpuUsage();
  }

  async #lane(): Promise<void> {
    const { plan, number } = this.#start;
    using client = new S3Client(plan.target);
    const turns = shareOf(plan.countMax, plan.processes, number);
    while (!this.#stopped && this.#begun < turns) {
      this.#begun++;
      const operation = plan.mix.length === 1 ? plan.mix[0]![0] : choose(plan.mix, Math.random());
      const before = this.#turns.get(operation) ?? 0;
      this.#turns.set(operation, before + 1);
      const turn = before * plan.processes + number;
      const began = performance.now();
      const outcome = await this.#operations.perform(
        operation,
        client,
        this.#index(operation, turn),
      );
      const ended = performance.now();
      this.#tally.record(outcome, (ended - this.#measuredFromMs) / 1000, ended - began);
      if (outcome.error !== undefined) await sleep(pauseAfterFailureMs);
    }
  }

  /**
   * Writes go round in order, so that a run of as many turns as objects stores (or deletes) each
   * once; reads choose. Where both happen, what is written and deleted are other objects than those
   * that are read, so a read always knows what to expect. Deletes that are rarer than puts follow
   * behind them.
   */
  #index(operation: Operation, turn: number): number {
    const { mix, space, choice } = this.#start.plan;
    const writes = operation === "put" || operation === "delete" || operation === "multipart";
    if (!writes) return chooseIndex(choice, space.count, Math.random());
    return (turn % space.count) + (mix.length === 1 ? 0 : space.count);
  }

  #report(): void {
    const { succeeded, failed, bytes } = this.#tally;
    send({ kind: "progress", succeeded, failed, bytes });
  }
}

function send(message: FromLoad): void {
  process.send?.(message);
}

let run: LoadRun | undefined;
process.on("SIGINT", () => undefined); // of a terminal; the parent says what is to be done
process.on("disconnect", () => process.exit(1));
process.on("message", (message: ToLoad) => {
  if (message === "stop") run?.stop();
  else {
    run = new LoadRun(message);
    void run.run();
  }
});
