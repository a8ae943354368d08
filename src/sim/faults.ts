import type { StoreErrorCode } from "../base/errors.ts";
import {
  bitsFlip,
  diskFull,
  diskOutOfOrder,
  sectorsFail,
  syncsFail,
  writesFail,
} from "./faults/disk-faults.ts";
import { clocksApart, clockSet } from "./faults/clock-faults.ts";
import { crash } from "./faults/crash.ts";
import {
  crashAtMember,
  diskAway,
  diskEmptied,
  diskRemoved,
  diskReplaced,
} from "./faults/fleet-faults.ts";
import { fileRemoved } from "./faults/file-removed.ts";
import type { FaultKind, Strike } from "./faults/fault.ts";
import { indexGoesBack } from "./faults/index-goes-back.ts";
import { indexOutOfService, rowsDamaged } from "./faults/index-faults.ts";
import { workerPauses, workerStops } from "./faults/worker-faults.ts";
import { SeededRandom } from "../platform/seeded-random.ts";

// The faults of a run: some crashes in each, and among them faults picked from these kinds.

const kinds: readonly FaultKind[] = [
  workerPauses,
  syncsFail,
  writesFail,
  diskFull,
  diskOutOfOrder,
  indexOutOfService,
  indexGoesBack,
  bitsFlip,
  sectorsFail,
  rowsDamaged,
  fileRemoved,
  clockSet,
  clocksApart,
  workerStops,
];

export interface Fault {
  readonly kind: FaultKind;
  readonly strike: Strike;
}

export function excusesOf(faults: readonly Fault[]): ReadonlySet<StoreErrorCode> {
  return new Set(faults.flatMap(({ kind }) => kind.excuses));
}

/** Those that befall the disks of a fleet, and come besides the others. */
const fleetKinds: readonly FaultKind[] = [
  diskAway,
  diskReplaced,
  diskEmptied,
  diskRemoved,
  crashAtMember,
  crashAtMember,
];

export function planFaults(random: SeededRandom, isFleet: boolean): Fault[] {
  const faults = Array.from({ length: random.between(1, 5) }, () => planned(crash, random));
  const others = random.pick([0, 1, 1, 2, 3]);
  for (let i = 0; i < others; i++) {
    const at = random.below(faults.length + 1);
    faults.splice(at, 0, planned(pickKind(random), random));
  }
  const ofDisks = isFleet ? random.pick([1, 2, 3]) : 0;
  for (let i = 0; i < ofDisks; i++) {
    const at = random.below(faults.length + 1);
    faults.splice(at, 0, planned(random.pick(fleetKinds), random));
  }
  return faults;
}

function planned(kind: FaultKind, random: SeededRandom): Fault {
  return { kind, strike: kind.plan(random.fork()) };
}

/**
 * Each kind draws a lot of its own, and the highest wins, in proportion to the weights (weighted
 * rendezvous hashing). So a kind that is new takes its share of the seeds, and the rest stay as
 * they were: planted bugs are found by the seeds that found them.
 */
function pickKind(random: SeededRandom): FaultKind {
  const draw = random.uint32();
  const lotOf = ({ name, weight }: FaultKind): number =>
    new SeededRandom(draw ^ hashOf(name)).unit() ** (1 / weight);
  const lots = kinds.map((kind) => ({ kind, lot: lotOf(kind) }));
  return lots.reduce((best, next) => (next.lot > best.lot ? next : best)).kind;
}

/** FNV-1a */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
