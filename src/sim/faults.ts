import type { StoreErrorCode } from "../base/errors.ts";
import type { OutOfOrder } from "./disk.ts";
import type { SeededRandom } from "./random.ts";

/*
 * What goes wrong in a run, and when. A crash comes at some moment, or is aimed: at the next time
 * that a process of one role passes one point of a protocol. Most of what can go wrong has a window
 * of a millisecond, and would hardly ever be hit by chance.
 */

export type Fault =
  | { readonly kind: "crash"; readonly scope: "power" | "process"; readonly aim: Aim | undefined }
  | {
      readonly kind: "pause";
      readonly forMs: number;
      readonly presumedDead: boolean;
      readonly aim: Aim | undefined;
    }
  | { readonly kind: "failSyncs" | "failWrites"; readonly count: number }
  | { readonly kind: "full"; readonly forMs: number }
  | { readonly kind: "outOfOrder"; readonly how: OutOfOrder; readonly forMs: number }
  | { readonly kind: "failIndex"; readonly forMs: number }
  | { readonly kind: "stop" | "flipBit" }
  | { readonly kind: "setClock"; readonly byMs: number };

export interface Aim {
  /** The beginning of a point, with its role. */
  readonly point: string;
  /** As its effect has happened, or as it is asked for. */
  readonly happened: boolean;
}

/** What clients may be told while, and after, it goes wrong. */
const excuses: Readonly<Record<Fault["kind"], readonly StoreErrorCode[]>> = {
  crash: [],
  // Whoever was away for long takes disks for dead that were just as long without a chance to
  // answer.
  pause: ["fenced", "cancelled", "io"],
  failSyncs: ["io"],
  failWrites: ["io"],
  full: ["storage_full"],
  outOfOrder: ["io", "read_only", "missing"],
  failIndex: ["unavailable", "unknown", "io"],
  flipBit: ["corrupt"],
  setClock: [],
  stop: ["cancelled"],
};

export function excusesOf(faults: readonly Fault[]): ReadonlySet<StoreErrorCode> {
  return new Set(faults.flatMap(({ kind }) => excuses[kind]));
}

/** Points of few occasions stand here more than once. */
const aimedPoints: readonly string[] = [
  "front end: records write",
  "front end: records sync",
  "front end: header write",
  "front end: header sync",
  "front end: file create",
  "front end: directory sync",
  "front end: commit head",
  "front end: commit head removed",
  "front end: commit head pushed",
  "front end: commit head promoted",
  "front end: commit version removed",
  "front end: commit fence active",
  "front end: commit part",
  "front end: commit upload",
  "front end: commit bucket",
  "front end: commit fence deleting",
  "front end: commit fence removed",
  "front end: commit extent open",
  "front end: commit extent sealed",
  "front end: commit extent settled",
  "background: commit session removed",
  "background: header write",
  "background: header sync",
  "background: file remove",
  "background: directory sync",
  "background: records sync",
  "background: commit head",
  "background: commit part",
  "background: commit version",
  "background: commit upload removed",
  "background: commit garbage batch",
  "background: commit garbage batch removed",
  "background: commit garbage batch removed",
  "background: commit drain",
  "background: commit drain",
  "background: commit drain",
  "background: commit extent sealed",
  "background: commit extent settled",
  "background: commit extent dropping",
  "background: commit extent removed",
];

export function planFaults(random: SeededRandom): Fault[] {
  const faults: Fault[] = [];
  const crashes = random.between(1, 5);
  for (let i = 0; i < crashes; i++) {
    const aim = { point: random.pick(aimedPoints), happened: random.chance(0.5) };
    const scope = random.chance(0.5) ? "power" : "process";
    faults.push({ kind: "crash", scope, aim: random.chance(0.8) ? aim : undefined });
  }
  const others = random.pick([0, 1, 1, 2, 3]);
  for (let i = 0; i < others; i++) {
    faults.splice(random.below(faults.length + 1), 0, planFault(random));
  }
  return faults;
}

function planFault(random: SeededRandom): Fault {
  const kind = random.pick([
    "pause",
    "pause",
    "pause",
    "failSyncs",
    "failSyncs",
    "failWrites",
    "full",
    "outOfOrder",
    "failIndex",
    "flipBit",
    "flipBit",
    "setClock",
    "stop",
  ] as const);
  const forMs = random.pick([50, 2000, 20_000]);
  switch (kind) {
    case "pause":
      return planPause(random);
    case "failSyncs":
    case "failWrites":
      return { kind, count: random.pick([3, 10, 40]) };
    case "full":
    case "failIndex":
      return { kind, forMs };
    case "outOfOrder":
      return { kind, how: random.pick(["vanished", "readOnly"]), forMs };
    case "flipBit":
    case "stop":
      return { kind };
    case "setClock":
      return { kind, byMs: random.pick([-60_000, -5000, 5000, 60_000]) };
  }
}

/**
 * Where a pause does most harm. A writer has synced its bytes, and no row refers to them: it is
 * taken for dead meanwhile. A compaction has copied a chunk, and is about to change its row: the row
 * changes meanwhile.
 */
const pausePoints = [
  { point: "front end: commit head", presumedDeadShare: 0.9 },
  { point: "front end: commit", presumedDeadShare: 0.7 },
  { point: "background: commit head", presumedDeadShare: 0.2 },
  { point: "background: commit version", presumedDeadShare: 0.2 },
  { point: "background: commit", presumedDeadShare: 0.7 },
] as const;

/** Most pauses are aimed. */
function planPause(random: SeededRandom): Fault {
  const { point, presumedDeadShare } = random.pick(pausePoints);
  const aim = random.chance(0.8) ? { point, happened: false } : undefined;
  const presumedDead = random.chance(presumedDeadShare);
  const forMs = random.pick([50, 10_000, 60_000, 60_000]);
  return { kind: "pause", forMs, presumedDead, aim };
}
