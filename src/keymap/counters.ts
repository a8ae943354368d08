import { StoreError } from "../base/errors.ts";
import type { Change, EngineReader } from "../engine/engine.ts";
import { counterKey } from "../format/row-keys.ts";
import { decodeCounterRow, encodeCounterRow } from "../format/system-rows.ts";
import type { Keymap } from "./keymap.ts";
import { readRow } from "../engine/engine.ts";

/**
 * The kinds of ids: each counted from 1, none given twice. An id whose commit failed is left out.
 */
export type CounterName = "sessions" | "extents" | "buckets" | "accounts";

/**
 * @limit Attempts to get one id; each failure means that another process got one, so this many
 * processes may come at once.
 */
const attemptsMax = 256;

/** An id that was never given before, in any process. */
export function nextId(keymap: Keymap, name: CounterName): Promise<number> {
  const { system, session } = keymap;
  return countUp(name, system, async (change) => {
    const { outcome } = await system.commit({ ...change, id: session.nextChangeId() });
    return outcome === "ok";
  });
}

/** The highest id that was given so far; 0: none. */
export async function lastId({ system }: Keymap, name: CounterName): Promise<number> {
  const row = await readRow(system, counterKey(name));
  return row === undefined ? 0 : decodeCounterRow(row.value).value;
}

/** The same for those without a session; `commit` says whether the change happened. */
export async function countUp(
  name: CounterName,
  reader: EngineReader,
  commit: (change: Omit<Change, "id">) => Promise<boolean>,
): Promise<number> {
  const key = counterKey(name);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const row = await readRow(reader, key);
    const value = row === undefined ? 1 : decodeCounterRow(row.value).value + 1;
    const checks = [{ key, expect: row?.stamp ?? ("absent" as const) }];
    const puts = [{ key, value: encodeCounterRow({ value }) }];
    if (await commit({ checks, puts, deletes: [] })) return value;
  }
  throw new StoreError("overloaded", `the counter of ${name} kept changing: try again`);
}
