import { shippedName } from "../../format/shipped-file.ts";
import type { EngineSnapshot } from "../../engine/engine.ts";
import { firstLogPosition } from "../../format/commit-record.ts";
import type { SnapshotRow } from "../../format/index-snapshot.ts";
import { requireStoreRow } from "../../keymap/store-generation.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import type { IndexSnapshotOptions } from "../index-snapshots.ts";
import { allRowFrames, positionRead } from "../snapshot-writing.ts";
import { sliceSnapshot } from "./sliced-snapshot.ts";

export interface CopyOptions extends Pick<IndexSnapshotOptions, "platform" | "index" | "disks"> {
  readonly target: ShippingTarget;
  readonly signal: AbortSignal;
  readonly onProgress: (rows: number) => void;
}

export interface SnapshotCopy {
  readonly sequence: number;
  readonly rows: number;
  readonly bytes: number;
}

/** Puts a snapshot of the index, which may be served meanwhile, to a target. */
export async function copySnapshot(options: CopyOptions): Promise<SnapshotCopy> {
  const { platform, index, disks, target, signal } = options;
  const reader = index.snapshot();
  const { store } = disks;
  try {
    const position = (await positionRead(reader)) ?? firstLogPosition;
    const { generation } = await requireStoreRow(reader, { store, generation: 0 });
    const head = { store, position, generation, createdMs: platform.clock.now() };
    let rows = 0;
    let bytes = 0;
    const counted = countRows(reader, (count) => options.onProgress((rows += count)));
    for await (const slice of sliceSnapshot(platform.hash, head, counted)) {
      await target.put(shippedName(store, slice.file), slice.bytes, signal);
      bytes += slice.bytes.length;
    }
    return { sequence: position.sequence, rows, bytes };
  } finally {
    reader.close();
  }
}

async function* countRows(
  reader: EngineSnapshot,
  onRows: (count: number) => void,
): AsyncGenerator<readonly SnapshotRow[], void> {
  for await (const rows of allRowFrames(reader)) {
    yield rows;
    onRows(rows.length);
  }
}
