import { type Ready, whenReady } from "../base/ready.ts";
import type { Check } from "../engine/engine.ts";
import type { BucketFenceRow } from "../format/bucket-row.ts";
import { encodeObjectRow, type ObjectRow } from "../format/object-row.ts";
import { headKey, versionKey } from "../format/row-keys.ts";
import { shownVersionId } from "../format/version-id.ts";
import type { Clock } from "../platform/platform.ts";
import type { Plan } from "./commit.ts";
import {
  type KeyPlace,
  type PlacedVersion,
  readNewestOlder,
  readOlder,
  type Version,
} from "./versions.ts";

/*
 * The head row of a key is its current version. Every change of a key's versions goes through here:
 * it checks the head it saw, so of many at once one wins (C2). What becomes of the version replaced
 * is decided here and nowhere else:
 *
 *     enabled      it moves to the versions space; the new one has an id of its own
 *     suspended    the new one is the null version: the null version there was, at the head or
 *                  older, is garbage; a head that is another moves to the versions space
 *     off          as suspended, where every version is the null version
 *
 * Which of these is said by the fence that the commit checks.
 *
 * A head that is damaged is not replaced, by nobody: what it refers to is not known, so it could
 * not be recorded as garbage, and the bytes might be all there is of an older version. Reading it
 * fails (`corrupt`), and with it every plan for its key, until the row is repaired or given up
 * (`holdfast check --repair`). Checks in commits compare the stamp alone; one that is damaged is a
 * conflict, and the next reading fails. A plan that read the row while it was whole has its data
 * from then.
 */

/** A new version, without what is decided at commit. */
export type NewVersion = Omit<ObjectRow, "order" | "nullVersion" | "nullOrder" | "modifiedMs">;

/** A version as it was committed. */
export interface MadeVersion {
  readonly row: ObjectRow;
  /** Undefined: the bucket was never versioned. */
  readonly versionId: string | undefined;
}

type Rows = Pick<Plan<unknown>, "checks" | "puts" | "deletes" | "freed">;

/** The changes to the versions that were there. */
interface Displaced extends Rows {
  readonly nullOrder: number | undefined;
}

/** Where the time of a new version comes from. */
interface ClockHolder {
  readonly platform: { readonly clock: Clock };
}

interface HeadAndFence {
  readonly head: Version | undefined;
  readonly fence: BucketFenceRow;
}

/**
 * Puts `next` in the place of `head`; a promise only where an older version has to be read for it.
 */
export function planVersion(
  store: ClockHolder,
  target: KeyPlace,
  before: HeadAndFence,
  next: NewVersion,
): Ready<Plan<MadeVersion>> {
  return whenReady(displace(target, before), (displaced) =>
    planOver(store, target, before, next, displaced),
  );
}

function planOver(
  store: ClockHolder,
  target: KeyPlace,
  { head, fence }: HeadAndFence,
  next: NewVersion,
  { nullOrder, ...displaced }: Displaced,
): Plan<MadeVersion> {
  const modifiedMs = store.platform.clock.now();
  const row: ObjectRow = {
    ...next,
    // A clock that was set back must not make a newer version older than the one it replaces.
    order: Math.max(modifiedMs * 1024, (head?.row.order ?? 0) + 1),
    nullVersion: fence.versioning !== "enabled",
    nullOrder,
    modifiedMs,
  };
  const key = headKey(target.bucket.id, target.key);
  return {
    checks: [headCheck(target, head), ...displaced.checks],
    puts: [{ key, value: encodeObjectRow(row) }, ...displaced.puts],
    deletes: displaced.deletes,
    freed: displaced.freed,
    result: madeVersion(row, fence),
  };
}

export function madeVersion(row: ObjectRow, fence: BucketFenceRow): MadeVersion {
  return { row, versionId: shownVersionId(row, fence.versioning) };
}

const noRows = { checks: [], puts: [], deletes: [], freed: [], nullOrder: undefined };

function displace(
  target: KeyPlace,
  { head, fence: { versioning } }: HeadAndFence,
): Ready<Displaced> {
  if (head === undefined) return noRows;
  const { order, nullVersion, nullOrder } = head.row;
  if (versioning !== "enabled" && nullVersion) return { ...noRows, freed: [head.row.data] };
  const puts = [olderPut(target, head)];
  if (versioning === "enabled") {
    return { ...noRows, puts, nullOrder: nullVersion ? order : nullOrder };
  }
  if (nullOrder === undefined) return { ...noRows, puts };
  return whenReady(readOlder(target, nullOrder), (replaced) => ({
    ...noRows,
    // holds: C2, C5 null-version-replaced
    ...(replaced && planRowRemoval(replaced)),
    puts,
  }));
}

/** The head as an older version. */
function olderPut(target: KeyPlace, { row }: Version): Rows["puts"][number] {
  const key = versionKey(target.bucket.id, target.key, row.order);
  return { key, value: encodeObjectRow({ ...row, nullOrder: undefined }) };
}

/**
 * Takes one version away permanently. Where it is the head, the newest of the others becomes the
 * head: no newer one can come in between, since that would change the head.
 */
export async function planRemoval(target: KeyPlace, placed: PlacedVersion): Promise<Rows> {
  const { head, version } = placed;
  const checks = [headCheck(target, head)];
  const removal = planRowRemoval(version);
  if (version !== head) {
    const puts = version.row.nullVersion ? [headPut(head, head.row, undefined)] : [];
    // holds: C2 head-of-null-version-unchanged
    return { ...removal, checks: [...checks, ...removal.checks], puts };
  }
  const next = await readNewestOlder(target);
  if (next === undefined) return { ...removal, puts: [] };
  // holds: C2 head-knows-null-version
  const nullOrder = next.row.nullVersion ? undefined : head.row.nullOrder;
  return {
    // holds: C1 next-head-unchanged
    checks: [...checks, { key: next.rowKey, expect: next.stamp }],
    puts: [headPut(head, next.row, nullOrder)],
    deletes: [next.rowKey],
    freed: removal.freed,
  };
}

function headPut(
  { rowKey }: Version,
  row: ObjectRow,
  nullOrder: number | undefined,
): Rows["puts"][number] {
  return { key: rowKey, value: encodeObjectRow({ ...row, nullOrder }) };
}

/**
 * Puts a version's row again where it stands. The check of that is enough: a version that moves
 * meanwhile loses the row it had.
 */
export function planRewrite(
  { rowKey, stamp }: Pick<Version, "rowKey" | "stamp">,
  row: ObjectRow,
): Pick<Rows, "checks" | "puts"> {
  return {
    checks: [{ key: rowKey, expect: stamp }],
    puts: [{ key: rowKey, value: encodeObjectRow(row) }],
  };
}

/** Takes away the row of a version, and nothing else. */
export function planRowRemoval({ rowKey, row, stamp }: Version): Omit<Rows, "puts"> {
  return { checks: [{ key: rowKey, expect: stamp }], deletes: [rowKey], freed: [row.data] };
}

function headCheck(target: KeyPlace, head: Version | undefined): Check {
  return { key: headKey(target.bucket.id, target.key), expect: head?.stamp ?? "absent" };
}
