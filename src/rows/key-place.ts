import type { BucketId } from "../format/ids.ts";
import type { Partition } from "../keymap/keymap.ts";

/** Where the rows of a key are. */
export interface KeyPlace {
  readonly bucket: { readonly id: BucketId };
  readonly key: Uint8Array;
  readonly partition: Partition;
}
