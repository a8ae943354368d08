import { isStoreError, messageOf } from "../../base/errors.ts";
import type { StoreErrorCode } from "../../base/errors.ts";
import { decodeUtf8 } from "../../base/bytes.ts";
import { type ObjectStore, storeForRequest } from "../../object/object-store.ts";
import { RequestPhases } from "../../object/request-phases.ts";
import type { Refusal } from "../../object/refusal.ts";
import type { HttpHandler } from "../../platform/http.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { History } from "../history.ts";
import { Violation } from "../history.ts";
import type { KeyStep, ValueName } from "../key-state.ts";
import { noBucket } from "../key-state.ts";
import type { KnownVersions } from "../known-versions.ts";
import type { Machine, RunningProcess } from "../machine.ts";
import type { Moment } from "../restore-window.ts";
import type { SeededRandom } from "../../platform/seeded-random.ts";
import type { Values } from "../values.ts";

/** The parts that clients share. */
export interface WorkloadContext {
  readonly machine: Machine;
  readonly history: History;
  readonly values: Values;
  readonly versions: KnownVersions;
  /** Versions whose tags were written, or tried to. */
  readonly tagged: Set<ValueName>;
  /** True if buckets are versioned in this run, at times. */
  readonly isVersioned: boolean;
  readonly buckets: readonly string[];
  readonly keys: readonly Uint8Array[];
  /** Failures that the faults of this run explain. */
  readonly excused: ReadonlySet<StoreErrorCode>;
  /** Counts of the answers that clients got, by kind. */
  readonly outcomes: Map<string, number>;
  /** Objects larger than a chunk that may still be written: they are slow. */
  largeLeft: number;
  /** Buckets that somebody began to delete: unfinished uploads in them may have gone along. */
  readonly deletions: Set<string>;
  /** The index was restored to this moment of the history: so are all answers. */
  readonly asOf?: Moment | undefined;
  /** Called as an operation ends. */
  readonly onOperation: () => void;
}

/** The operations of clients, with their weights. */
export type Mix = readonly (readonly [
  weight: number,
  operation: (session: ClientSession, bucket: string, key: Uint8Array) => Promise<void>,
])[];

/** How an operation ended for its client, and when, in ticks of the history. */
export type Attempt<T> = {
  readonly start: number;
  readonly end: number;
  readonly label: string;
} & (
  | { readonly kind: "answer"; readonly answer: T }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Failed, or its process died: it may have happened. */
  | { readonly kind: "unsure" }
  /** The client itself broke it off before it could have happened. */
  | { readonly kind: "none" }
);

/** The error that a client throws to break off a body. */
export class BrokenOff extends Error {
  override readonly name = "BrokenOff";
}

export class ClientSession {
  readonly context: WorkloadContext;
  readonly random: SeededRandom;
  readonly name: string;
  readonly sleep: (ms: number) => Promise<void>;
  #count = 0;

  constructor(options: {
    readonly context: WorkloadContext;
    readonly random: SeededRandom;
    readonly name: string;
    readonly sleep: (ms: number) => Promise<void>;
  }) {
    this.context = options.context;
    this.random = options.random;
    this.name = options.name;
    this.sleep = options.sleep;
  }

  /** The same client, who knows other things. */
  in(context: WorkloadContext): ClientSession {
    const { random, name, sleep } = this;
    return new ClientSession({ context, random, name, sleep });
  }

  /** Mostly in the first bucket. */
  pickTarget(): { bucket: string; key: Uint8Array } {
    const { buckets, keys } = this.context;
    const bucket = this.random.chance(0.8) ? buckets[0]! : this.random.pick(buckets.slice(1));
    return { bucket, key: this.random.pick(keys) };
  }

  /** Damaged rows that listings of whomever left out so far. */
  get rowsSkipped(): number {
    return this.context.machine.engine.damagedRows.skipped;
  }

  nowMs(): number {
    return this.context.machine.options.scheduler.nowMs;
  }

  /** Does something at one of the front ends, once there is one. */
  async attempt<T extends object>(
    what: string,
    operation: (store: ObjectStore, handler: HttpHandler) => Promise<T | Refusal>,
  ): Promise<Attempt<T>> {
    const { machine, history, asOf } = this.context;
    const { store, handler, running } = await this.#frontEnd();
    const label = `${this.name}.${++this.#count} ${what}`;
    const start = history.tick();
    const outcome = await Promise.race([
      operation(store, handler).then(
        (answer) => ({ answer, error: undefined }),
        (error: unknown) => ({ answer: undefined, error }),
      ),
      running.died.then(() => "died" as const),
    ]);
    const end = history.tick();
    const times = { start: asOf?.start ?? start, end: asOf?.end ?? end, label };
    this.context.onOperation();
    let attempt: Attempt<T>;
    if (outcome === "died") attempt = { ...times, kind: "unsure" };
    else if (outcome.answer === undefined) attempt = this.#failed(times, running, outcome.error);
    else if (isRefusal(outcome.answer)) {
      attempt = { ...times, kind: "refused", refusal: outcome.answer };
    } else attempt = { ...times, kind: "answer", answer: outcome.answer };
    const refusal = attempt.kind === "refused" ? ` ${attempt.refusal.refusal}` : "";
    const result = outcome === "died" ? "cut off" : `${attempt.kind}${refusal}`;
    this.#tally(`${what.split(" ")[0]} ${result}`);
    machine.log(label, result);
    machine.options.scheduler.note(`${label} ${result}`);
    return attempt;
  }

  /** Enters a step into the history of a key. */
  add(target: string, attempt: Attempt<unknown>, step: KeyStep, certain = true): void {
    const { start, end, label } = attempt;
    this.context.history.add(target, { step, start, end, certain, label });
  }

  /** Adds the observation that every refusal makes about the key. */
  addRefusal(target: string, attempt: Attempt<unknown> & { kind: "refused" }): void {
    const { refusal } = attempt.refusal;
    if (refusal === "noSuchBucket") this.add(target, attempt, { kind: "read", value: noBucket });
    else if (refusal !== "operationAborted" && refusal !== "conditionalConflict") {
      throw new Violation(`${attempt.label}: refused with ${refusal}, which makes no sense here`);
    }
  }

  #failed<T>(
    times: { readonly start: number; readonly end: number; readonly label: string },
    running: RunningProcess,
    error: unknown,
  ): Attempt<T> {
    if (error instanceof BrokenOff) return { ...times, kind: "none" };
    const { machine, excused } = this.context;
    machine.log(times.label, `failed: ${messageOf(error)}`);
    if (!isStoreError(error)) throw error;
    this.#tally(`failed ${error.code}`);
    // Extents are kept for reads of those that are not taken for dead.
    const isUnguarded = running.isReplaced && error.code === "missing";
    if (!isUnguarded && !excused.has(error.code) && !machine.isOfTakenFile(error.message)) {
      const message = `${times.label}: failed with ${error.code}, and no fault explains it`;
      throw new Violation(`${message}: ${error.message}`, { cause: error });
    }
    return { ...times, kind: "unsure" };
  }

  async #frontEnd(): Promise<{
    readonly store: ObjectStore;
    readonly handler: HttpHandler;
    readonly running: RunningProcess;
  }> {
    for (;;) {
      const serving = this.context.machine.running.flatMap((running) => {
        const { store, handler } = running.access;
        return store === undefined || handler === undefined ? [] : [{ store, handler, running }];
      });
      if (serving.length > 0) {
        const { store, handler, running } = this.random.pick(serving);
        const phases = new RequestPhases(store.platform.clock);
        return { store: storeForRequest(store, phases), handler, running };
      }
      await this.sleep(20);
    }
  }

  #tally(outcome: string): void {
    const { outcomes } = this.context;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
}

/**
 * Names of keys in histories and messages: long ones by their beginning, which is enough to
 * distinguish them apart.
 */
const nameCharactersMax = 16;

export function targetName(bucket: string, key: Uint8Array): string {
  const text = decodeUtf8(key);
  const isLong = text.length > nameCharactersMax;
  return `${bucket}/${isLong ? `${text.slice(0, nameCharactersMax)}…` : text}`;
}
