import type { SeedReport } from "../../src/sim/run.ts";
import type { SeedResult } from "./seed-worker.ts";

/** The sums over many seeds. */
export class Totals {
  readonly failures: string[] = [];
  readonly #failedSeeds: number[] = [];
  readonly #undecidedSeeds: number[] = [];
  readonly #first: number;
  /** Seeds that ended while an earlier one was under way. */
  readonly #ahead = new Set<number>();
  /** All seeds before this one have ended. */
  next: number;
  seeds = 0;
  operations = 0;
  crashes = 0;
  virtualMs = 0;
  /** Runs that ended with the index restored to an earlier time, and judged. */
  restored = 0;
  /** Histories of keys that the judge could not decide. */
  undecided = 0;
  readonly cuts = new Map<string, number>();
  readonly faults = new Map<string, number>();
  readonly logged = new Map<string, number>();
  readonly outcomes = new Map<string, number>();

  constructor(first: number) {
    this.#first = first;
    this.next = first;
  }

  add(result: SeedResult): void {
    this.seeds++;
    this.#ahead.add(result.seed);
    while (this.#ahead.delete(this.next)) this.next++;
    if ("failure" in result) {
      this.failures.push(result.failure);
      this.#failedSeeds.push(result.seed);
    } else this.#addReport(result.report);
  }

  #addReport(report: SeedReport): void {
    this.operations += report.operations;
    this.crashes += report.crashes;
    this.virtualMs += report.virtualMs;
    this.undecided += report.undecided;
    if (report.isRestored) this.restored++;
    if (report.undecided > 0) this.#undecidedSeeds.push(report.seed);
    addAll(this.cuts, report.cuts);
    addAll(this.faults, report.faults);
    addAll(this.logged, report.logged);
    addAll(this.outcomes, report.outcomes);
  }

  summary(): string {
    const hours = (this.virtualMs / 3_600_000).toFixed(1);
    return (
      `${this.seeds} seeds (${this.#range()}), ${this.operations} operations, ${this.crashes} crashes, ` +
      `${hours} simulated hours, ${this.restored} restored, ${this.undecided} histories undecided, ` +
      `${this.failures.length} failures`
    );
  }

  #range(): string {
    const ahead = this.#ahead.size === 0 ? "" : `, and ${this.#ahead.size} behind`;
    return `${this.#first}…${this.next - 1}${ahead}`;
  }

  /** How often a crash cut what, most seldom last. */
  details(): string {
    return [
      ...seedLines("failed", this.#failedSeeds),
      ...seedLines("with histories that are undecided", this.#undecidedSeeds),
      "faults:",
      ...lines(this.faults),
      "operations that crashes cut:",
      ...lines(this.cuts),
      "events that processes logged:",
      ...lines(this.logged),
      "answers to clients:",
      ...lines(this.outcomes),
    ].join("\n");
  }
}

function addAll(into: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [name, count] of from) into.set(name, (into.get(name) ?? 0) + count);
}

function seedLines(what: string, seeds: readonly number[]): string[] {
  return seeds.length === 0 ? [] : [`seeds ${what}: ${seeds.join(", ")}`];
}

function lines(counts: ReadonlyMap<string, number>): string[] {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.map(([name, count]) => `${String(count).padStart(9)}  ${name}`);
}
