import { noBytes } from "../base/bytes.ts";
import type { Engine } from "../engine/engine.ts";
import type { PartitionId, StoreId } from "../format/ids.ts";
import { partitionKey, partitionSelfKey, storeKey, storedKey } from "../format/row-keys.ts";
import { encodePartitionRow, encodeStoreRow } from "../format/system-rows.ts";
import type { Platform } from "../platform/platform.ts";
import { commitEarly } from "./early-commit.ts";

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
