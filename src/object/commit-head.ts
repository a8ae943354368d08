import type { Check } from "../engine/engine.ts";
import type { ChangeId } from "../format/ids.ts";
import type { ObjectRow } from "../format/object-row.ts";
import { decodeObjectRow, encodeObjectRow } from "../format/object-row.ts";
import { headKey } from "../format/row-keys.ts";
import type { Plan } from "./commit.ts";
import { commitPlan } from "./commit.ts";
import type { WriteCondition } from "./conditions.ts";
import { checkWrite } from "./conditions.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";
import type { Target } from "./target.ts";

/*
 * The head row of a key is its current version. Every mutation of a key goes through `planHead`: it
 * checks the head it saw and replaces it, so of many at once one wins (C2). What becomes of the
 * version replaced is decided here and nowhere else: with versioning off its data is garbage.
 */

export interface Head {
  readonly row: ObjectRow;
  readonly stamp: ChangeId;
}

/** A new object, without what is decided at commit. */
export type NewObject = Omit<ObjectRow, "kind" | "order" | "nullVersion" | "modifiedMs">;

export async function readHead(target: Target): Promise<Head | undefined> {
  const row = await target.partition.get(headKey(target.bucket.id, target.key));
  return row === undefined ? undefined : { row: decodeObjectRow(row.value), stamp: row.stamp };
}

/** The object a head stands for: none for a delete marker. */
export function objectOf(head: Head | undefined): ObjectRow | undefined {
  return head?.row.kind === "object" ? head.row : undefined;
}

/** Makes `next` the object of this key if the condition holds at that instant. */
export function replaceHead(
  store: ObjectStore,
  target: Target,
  condition: WriteCondition,
  next: NewObject,
): Promise<ObjectRow | Refusal> {
  return commitPlan(store, target, async () => {
    const head = await readHead(target);
    return checkWrite(condition, objectOf(head)) ?? planHead(store, target, head, next);
  });
}

/** Puts `next` in the place of `head`. */
export function planHead(
  store: ObjectStore,
  target: Target,
  head: Head | undefined,
  next: NewObject,
): Plan<ObjectRow> {
  const modifiedMs = store.platform.clock.now();
  const row: ObjectRow = {
    ...next,
    kind: "object",
    // A clock that was set back must not make a newer version older than the one it replaces.
    order: Math.max(modifiedMs * 1024, (head?.row.order ?? 0) + 1),
    nullVersion: true,
    modifiedMs,
  };
  return {
    checks: [headCheck(target, head)],
    puts: [{ key: headKey(target.bucket.id, target.key), value: encodeObjectRow(row) }],
    deletes: [],
    freed: head === undefined ? [] : [head.row.data],
    result: row,
  };
}

/** Takes `head` away. */
export function planHeadRemoval(target: Target, head: Head): Plan<{ deleted: true }> {
  return {
    checks: [headCheck(target, head)],
    puts: [],
    deletes: [headKey(target.bucket.id, target.key)],
    freed: [head.row.data],
    result: { deleted: true },
  };
}

function headCheck(target: Target, head: Head | undefined): Check {
  return { key: headKey(target.bucket.id, target.key), expect: head?.stamp ?? "absent" };
}
