import type { StoreErrorCode } from "../base/errors.ts";
import { extentPath } from "../extent/extent-files.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import type { OutOfOrder } from "./disk.ts";
import type { Machine, RunningProcess } from "./machine.ts";
import type { SeededRandom } from "./random.ts";

/*
 * What goes wrong in a run, and when. A crash comes at some moment, or is aimed: at the next time that a process of one role
 * passes one point of a protocol. Most of what can go wrong has a window of a millisecond, and would hardly ever be hit
 * by chance.
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
  | { readonly kind: "flipBit" }
  | { readonly kind: "setClock"; readonly byMs: number };

export interface Aim {
  /** The beginning of a point, with its role. */
  readonly point: string;
  /** As its effect has happened, or as it is asked for. */
  readonly happened: boolean;
}

/** Bits flipped at a time, each anywhere. */
const flips = 32;

/** What clients may be told while, and after, it goes wrong. */
const excuses: Readonly<Record<Fault["kind"], readonly StoreErrorCode[]>> = {
  crash: [],
  // Whoever was away for long takes disks for dead that were just as long without a chance to answer.
  pause: ["fenced", "cancelled", "io"],
  failSyncs: ["io"],
  failWrites: ["io"],
  full: ["storage_full"],
  outOfOrder: ["io", "read_only", "missing"],
  failIndex: ["unavailable", "unknown", "io"],
  flipBit: ["corrupt"],
  setClock: [],
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
  for (let i = 0; i < others; i++) faults.push(planFault(random));
  return faults;
}

function planFault(random: SeededRandom): Fault {
  const kind = random.pick([
    "pause",
    "pause",
    "pause",
    "failSyncs",
    "failWrites",
    "full",
    "outOfOrder",
    "failIndex",
    "flipBit",
    "setClock",
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
      return { kind };
    case "setClock":
      return { kind, byMs: random.pick([-60_000, -5000, 5000, 60_000]) };
  }
}

/**
 * Where a pause does most harm: a writer has synced its bytes, and no row refers to them; a compaction has copied a chunk,
 * and is about to change its row.
 */
const pausePoints: readonly string[] = [
  "front end: commit head",
  "front end: commit",
  "background: commit head",
  "background: commit",
];

/** Most pauses are aimed. */
function planPause(random: SeededRandom): Fault {
  const point = random.pick(pausePoints);
  const aim = random.chance(0.7) ? { point, happened: false } : undefined;
  const presumedDead = random.chance(0.7);
  return { kind: "pause", forMs: random.pick([50, 10_000, 60_000]), presumedDead, aim };
}

/** Lets faults happen to a machine, and heals it in the end. */
export class Nemesis {
  readonly #machine: Machine;
  readonly #random: SeededRandom;
  readonly #undo: (() => void)[] = [];
  readonly #paused = new Set<RunningProcess>();
  crashes = 0;
  readonly counts = new Map<string, number>();
  #armed: (() => void) | undefined;

  constructor(machine: Machine, random: SeededRandom) {
    this.#machine = machine;
    this.#random = random;
  }

  async strike(fault: Fault): Promise<void> {
    const { scheduler } = this.#machine.options;
    const disk = this.#random.pick(this.#machine.disks);
    this.#note(fault.kind);
    switch (fault.kind) {
      case "crash":
        this.#aim(fault.aim, (running) => this.#crash(fault.scope, running));
        break;
      case "pause":
        this.#aim(fault.aim, (running) => this.#pause(fault, running));
        break;
      case "failSyncs":
        disk.syncsInDoubt += fault.count;
        break;
      case "failWrites":
        disk.writesInDoubt += fault.count;
        break;
      case "full":
        disk.capacityBytes = disk.bytesUsed() + this.#random.below(20_000);
        scheduler.after(fault.forMs, () => disk.makeRoom());
        break;
      case "outOfOrder":
        disk.outOfOrder = fault.how;
        scheduler.after(fault.forMs, () => {
          disk.outOfOrder = undefined;
        });
        break;
      case "failIndex":
        this.#machine.engine.fail();
        scheduler.after(fault.forMs, () => this.#machine.engine.recover());
        break;
      case "flipBit":
        for (let i = 0; i < flips; i++) await this.#flipBit();
        break;
      case "setClock":
        this.#machine.wall.jump(fault.byMs);
        break;
    }
  }

  /** A crash that was aimed at a point nobody passed happens now; then all is well again. */
  heal(): void {
    this.#armed?.();
    for (const running of this.#paused) running.process.resume();
    for (const disk of this.#machine.disks) {
      disk.makeRoom();
      disk.outOfOrder = undefined;
      disk.syncsInDoubt = 0;
      disk.writesInDoubt = 0;
    }
    this.#machine.engine.heal();
    for (const undo of this.#undo.splice(0)) undo();
  }

  /** Does it as some process passes the point; at once where there is none. */
  #aim(aim: Aim | undefined, strike: (running: RunningProcess | undefined) => void): void {
    if (aim === undefined) {
      strike(undefined);
      return;
    }
    this.#armed?.();
    const machine = this.#machine;
    const disarm = (note: string) => {
      machine.onPoint = undefined;
      this.#armed = undefined;
      this.#note(note);
    };
    let passes = this.#random.below(3);
    this.#armed = () => {
      disarm("aimed, and missed");
      strike(undefined);
    };
    machine.onPoint = (running, point, happened) => {
      if (happened !== aim.happened || !point.startsWith(aim.point) || passes-- > 0) return;
      disarm("aimed, and hit");
      strike(running);
    };
  }

  #crash(scope: "power" | "process", aimedAt: RunningProcess | undefined): void {
    const machine = this.#machine;
    const running = aimedAt ?? this.#anyRunning();
    this.crashes++;
    machine.log("nemesis", `crash of ${scope} ${running?.process.name}`);
    if (scope === "power") machine.cutPower();
    else if (running !== undefined) machine.kill(running);
  }

  #pause({ forMs, presumedDead }: Fault & { kind: "pause" }, aimedAt?: RunningProcess): void {
    const machine = this.#machine;
    const running = aimedAt ?? this.#anyRunning();
    if (running === undefined) return;
    running.process.pause();
    this.#paused.add(running);
    machine.log("nemesis", `pause of ${running.process.name} for ${forMs} ms`);
    if (presumedDead) machine.presumeDead(running);
    machine.options.scheduler.after(forMs, () => running.process.resume());
  }

  #anyRunning(): RunningProcess | undefined {
    const { running } = this.#machine;
    return running.length === 0 ? undefined : this.#random.pick(running);
  }

  async #flipBit(): Promise<void> {
    const { disks, engine } = this.#machine;
    const extents = await engine.extents();
    const closed = extents.filter(({ row }) => row.state !== "open");
    const sealed = new Set(closed.map(({ id }) => extentPath(id)));
    const disk = this.#random.pick(disks);
    const files = [...disk.files()].filter(([path]) => sealed.has(path));
    if (files.length === 0) return;
    const [, inode] = this.#random.pick(files);
    if (inode.length <= extentHeaderBytes || inode.isWaiting) return;
    const offset = this.#random.between(extentHeaderBytes, inode.length - 1);
    const mask = 1 << this.#random.below(8);
    inode.flip(offset, mask);
    this.#undo.push(() => inode.flip(offset, mask));
  }

  #note(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}
