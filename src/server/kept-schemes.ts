import type { KeptScheme } from "../control/redundancy/encoding.ts";
import type { ExtentClass } from "../format/extent-row.ts";
import { isSchemeOfABucket, readClassChoice } from "../keymap/chosen-schemes.ts";
import type { Keymap } from "../keymap/keymap.ts";
import { SchemeChooser } from "../placement/scheme-chooser.ts";
import type { CanLose } from "../placement/survival.ts";
import type { Topology } from "../placement/topology.ts";

export interface KeptSchemesOptions {
  readonly keymap: Pick<Keymap, "system">;
  readonly canLose: CanLose;
}

/** Which scheme the extents of a class are kept in, for those who ask for each extent. */
export class KeptSchemes {
  readonly #keymap: Pick<Keymap, "system">;
  readonly #chooser: SchemeChooser;

  constructor({ keymap, canLose }: KeptSchemesOptions) {
    this.#keymap = keymap;
    this.#chooser = new SchemeChooser(canLose);
  }

  /**
   * The scheme that operators chose for the buckets, or for the storage class, or the one that
   * follows from the disks.
   */
  async of(extentClass: ExtentClass, topology: Topology): Promise<KeptScheme> {
    const { storageClass, bucketScheme } = extentClass;
    const chosen = bucketScheme ?? (await readClassChoice(this.#keymap, storageClass))?.scheme;
    const { atRest, wished } = this.#chooser.choose(topology, { storageClass, chosen });
    const isLeft = !(await this.#isUsed(extentClass));
    return { scheme: atRest.scheme, isWished: atRest.name === wished.name, isLeft };
  }

  /** True if objects that are written go to extents of this class. */
  async #isUsed({ storageClass, bucketScheme }: ExtentClass): Promise<boolean> {
    if (bucketScheme === undefined) return true;
    return isSchemeOfABucket(this.#keymap, storageClass, bucketScheme);
  }
}
