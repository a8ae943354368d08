import type { Engine } from "../engine/engine.ts";
import { newestGeneration } from "../extent/disk-generation.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { newestOnDisks } from "../extent/newest-on-disks.ts";
import { counterKey, storeKey } from "../format/row-keys.ts";
import { encodeCounterRow, encodeStoreRow } from "../format/system-rows.ts";
import { commitEarly } from "../keymap/first-rows.ts";
import { requireStoreRow } from "../keymap/store-generation.ts";
import type { Platform } from "../platform/platform.ts";
import { lastGiven } from "./index-ownership.ts";

export interface NumbersOfDisks {
  /** True if the data directories have seen numbers that the index does not know. */
  readonly areBehind: boolean;
  /** Gives the index numbers that they have not seen, so that it may serve with them. */
  take(): Promise<void>;
}

/** The generation and the ids that the data directories have seen, beside those of an index. */
export async function numbersOfDisks({
  platform,
  index,
  disks,
}: {
  readonly platform: Platform;
  readonly index: Engine;
  readonly disks: ExtentDisks;
}): Promise<NumbersOfDisks> {
  const { generation } = await newestGeneration(platform.hash, disks);
  const newest = await newestOnDisks(platform.hash, disks);
  const row = await requireStoreRow(index, { store: disks.store, generation: 0 });
  const ids = { extents: newest?.extent ?? 0, sessions: newest?.session ?? 0 };
  const puts: { readonly key: Uint8Array; readonly value: Uint8Array }[] = [];
  for (const name of ["extents", "sessions"] as const) {
    if (ids[name] <= (await lastGiven(index, name))) continue;
    puts.push({ key: counterKey(name), value: encodeCounterRow({ value: ids[name] }) });
  }
  return {
    areBehind: row.generation < generation || puts.length > 0,
    async take() {
      const { stamp, ...kept } = row;
      const value = encodeStoreRow({ ...kept, generation: Math.max(generation, row.generation) });
      const checks = [{ key: storeKey(), expect: stamp }];
      const all = [...puts, { key: storeKey(), value }];
      await commitEarly(platform, index, { checks, puts: all, deletes: [] });
    },
  };
}
