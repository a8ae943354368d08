import { History, Violation } from "../../../src/sim/history.ts";
import type { KeyStep, ListedVersion, VersionName } from "../../../src/sim/key-state.ts";
import type { TimedStep } from "../../../src/sim/linearize.ts";
import type { Observation, SeenStep, StepSeen } from "./observation.ts";
import { etagOf } from "./values.ts";

/** Counts of the judged history. */
export interface HistoryCounts {
  readonly steps: number;
  readonly keys: number;
  /** Steps that may have happened, at any time, or never. */
  readonly unsure: number;
  readonly versions: number;
  /** Keys whose history the judge could not decide within its bound. */
  readonly undecided: number;
}

export const noCounts: HistoryCounts = { steps: 0, keys: 0, unsure: 0, versions: 0, undecided: 0 };

export function addCounts(a: HistoryCounts, b: HistoryCounts): HistoryCounts {
  return {
    steps: a.steps + b.steps,
    keys: a.keys + b.keys,
    unsure: a.unsure + b.unsure,
    versions: a.versions + b.versions,
    undecided: a.undecided + b.undecided,
  };
}

export function countsText({ steps, keys, unsure, versions, undecided }: HistoryCounts): string {
  const judged = `${steps} steps of ${keys} keys with ${versions} versions judged`;
  return `${judged}, ${unsure} of unknown outcome, ${undecided} histories undecided`;
}

/**
 * Throws Violation where no order of each key's steps explains the answers that clients got (C2).
 */
export function judgeHistory(observations: readonly Observation[]): HistoryCounts {
  const complaint = observations.find((one) => one.kind === "complaint");
  if (complaint !== undefined) throw new Violation(complaint.complaint);
  const names = versionNames(observations);
  const steps = observations.filter((one) => one.kind === "step");
  const places = new Set(steps.map(({ target }) => target).filter((target) => !isEvery(target)));
  const history = new History();
  for (const target of places) history.add(target, bucketMade);
  const orderOf = momentsOf(steps);
  for (const seen of steps) {
    const targets = isEvery(seen.target)
      ? [...places].filter((target) => target.startsWith(seen.target.slice(0, -1)))
      : [seen.target];
    for (const target of targets) {
      const step = named(seen.step, names.get(target));
      if (step === undefined) continue;
      const { certain, label } = seen;
      const [start, end] = [orderOf(seen.start), orderOf(seen.end)];
      history.add(target, { step, start, end, certain, label: `${label} ${stepText(step)}` });
    }
  }
  const etags = new Map<string, string | undefined>();
  history.check((value) => {
    if (!etags.has(value)) etags.set(value, /^\d/.test(value) ? etagOf(value) : undefined);
    return etags.get(value);
  });
  const versions = [...names.values()].reduce((sum, { size }) => sum + size, 0);
  const unsure = steps.filter(({ certain }) => !certain).length;
  const { undecided } = history;
  return { steps: steps.length, keys: places.size, unsure, versions, undecided };
}

const bucketMade: TimedStep<KeyStep> = {
  step: { kind: "bucketMade" },
  start: -2,
  end: -1,
  certain: true,
  label: "the bucket is made",
};

function isEvery(target: string): boolean {
  return target.endsWith("/*");
}

type Names = ReadonlyMap<string, string>;

/**
 * Maps each key's version ids to the values they stand for; an id that stands for two is a
 * violation.
 */
function versionNames(observations: readonly Observation[]): Map<string, Names> {
  const names = new Map<string, Map<string, string>>();
  for (const one of observations) {
    if (one.kind !== "version") continue;
    const { target, id, name } = one;
    const known = names.get(target) ?? new Map<string, string>();
    names.set(target, known);
    const before = known.get(id) ?? name;
    if (before !== name)
      throw new Error(`C2: ${target}: version ${id} was ${before}, then ${name}`);
    known.set(id, name);
  }
  return names;
}

/** Moments by their rank, so that those near each other in a report are near in what happened. */
function momentsOf(steps: readonly StepSeen[]): (moment: number) => number {
  const moments = [...new Set(steps.flatMap(({ start, end }) => [start, end]))];
  moments.sort((a, b) => a - b);
  const ranks = new Map(moments.map((moment, rank) => [moment, rank]));
  return (moment) => ranks.get(moment) ?? 0;
}

/** Undefined: it speaks of a version that nobody knows by name, as its writer got no answer. */
function named(step: SeenStep, names: Names | undefined): KeyStep | undefined {
  if (step.kind === "versionsListed") {
    const versions = step.versions.map(({ id, etag }): ListedVersion => {
      return { name: names?.get(id), isNull: id === "null", etag };
    });
    return { ...step, versions };
  }
  if (step.kind !== "versionRead" && step.kind !== "versionRemoved") return step;
  const version = versionName(step.version.id, names);
  return version && { ...step, version };
}

function versionName(id: string, names: Names | undefined): VersionName | undefined {
  if (id === "null") return id;
  const name = names?.get(id);
  return name === undefined ? undefined : { name };
}

/** A step as text, for messages. */
function stepText(step: KeyStep): string {
  const { kind, ...rest } = step;
  return `${kind} ${JSON.stringify(rest).slice(0, 2000)}`;
}
