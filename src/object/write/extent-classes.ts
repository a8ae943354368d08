import { type Ready, whenReady } from "../../base/ready.ts";
import type { ExtentClass } from "../../format/extent-row.ts";
import { readExtentClass } from "../../keymap/chosen-schemes.ts";
import type { Keymap } from "../../keymap/keymap.ts";
import type { Bucket } from "../decoded-buckets.ts";

/**
 * Which extents the objects of a bucket go to. Each choice for a bucket puts the bucket's row again
 * (keymap/chosen-schemes.ts), so what was read for a row holds as long as that row does: a choice
 * is followed by the first request that begins after it, and costs others no look.
 */
export class ExtentClasses {
  readonly #keymap: Pick<Keymap, "system">;
  readonly #known = new WeakMap<Bucket, Map<string, ExtentClass>>();

  constructor(keymap: Pick<Keymap, "system">) {
    this.#keymap = keymap;
  }

  of(bucket: Bucket, storageClass: string): Ready<ExtentClass> {
    const ofBucket = this.#known.get(bucket) ?? new Map<string, ExtentClass>();
    const known = ofBucket.get(storageClass);
    if (known !== undefined) return known;
    // Read after the bucket's row, so it is not older than that.
    return whenReady(readExtentClass(this.#keymap, storageClass, bucket.id), (found) => {
      this.#known.set(bucket, ofBucket.set(storageClass, found));
      return found;
    });
  }
}
