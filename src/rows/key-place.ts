import type { EngineReader } from "../engine/engine.ts";
import type { BucketId } from "../format/ids.ts";
import type { Partition } from "../keymap/keymap.ts";

/** Where the rows of a key are read: in their partition, or in a snapshot of it. */
export interface ReadPlace {
  readonly bucket: { readonly id: BucketId };
  readonly key: Uint8Array;
  readonly partition: EngineReader;
}

/** Where the rows of a key are. */
export interface KeyPlace extends ReadPlace {
  readonly partition: Partition;
}
