import { noBytes } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Change, Engine } from "../engine/engine.ts";
import { type ChangeId, idOfBytes, type PartitionId, type StoreId } from "../format/ids.ts";
import { partitionKey, partitionSelfKey, storedKey, storeKey } from "../format/row-keys.ts";
import { encodePartitionRow, encodeStoreRow } from "../format/system-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { resolveCommit } from "./partition/resolve-commit.ts";

export const firstPartitionId = 1 as PartitionId; // 0 is the system partition

export interface FirstRowsOptions {
  readonly platform: Platform;
  readonly engine: Engine;
  /** The name of the engine in the map. */
  readonly engineName: string;
  readonly store: StoreId;
}

/**
 * Makes the first rows of a store's index, unless they are there. The caller knows that the store
 * never had another index: with a new one in place of the old every object would count as garbage.
 */
export async function makeFirstRows(options: FirstRowsOptions): Promise<void> {
  const { platform, engine, engineName, store } = options;
  const whole = { start: noBytes, end: noBytes, epoch: 1, engine: engineName };
  const value = encodePartitionRow(whole);
  const createdMs = platform.clock.now();
  await commitEarly(platform, engine, {
    checks: [{ key: storeKey(), expect: "absent" }],
    puts: [
      { key: storeKey(), value: encodeStoreRow({ store, generation: 0, createdMs }) },
      { key: partitionKey(firstPartitionId), value },
      { key: storedKey(firstPartitionId, partitionSelfKey()), value },
    ],
    deletes: [],
  });
}

/**
 * Commits a change without a session, for what comes before there is one. Its id is random, which
 * no session's can be (those begin with zeros). The id if it happened.
 */
export async function commitEarly(
  platform: Platform,
  engine: Engine,
  change: Omit<Change, "id">,
): Promise<ChangeId | "conflict"> {
  const whole = { ...change, id: idOfBytes<ChangeId>(platform.random.bytes(16)) }; // made to be one
  const result = await engine.commit(whole);
  if (result.outcome === "conflict") return "conflict";
  if (result.outcome === "ok") return whole.id;
  const answer = await resolveCommit(engine, platform.clock, whole, result.cause);
  if (answer === "happened") return whole.id;
  throw new StoreError("unavailable", "the index did not take a commit: try again", {
    cause: result.cause,
  });
}
