import { readRow, type Row } from "../../engine/engine.ts";
import type { ChangeId, ExtentId } from "../../format/ids.ts";
import type { Keymap, Partition } from "../../keymap/keymap.ts";
import { dataOf, type ReferentPage, referentPages } from "../../rows/referents.ts";
import type { Manifests } from "./manifests.ts";

/*
 * Searches the whole index for a reference to an extent. A walk through an extent asks about the
 * records it can make out; of what is damaged it knows nothing. So an extent with damage in it is
 * dropped only if no row refers to it. It costs a look at every row, and is done for such extents
 * alone.
 *
 * References move while we look, but in a settled extent none come into being: so none is missed
 * (rows/referents.ts).
 */

/** A row that refers to the extent, or may: what cannot be read might list anything. */
export interface Reference {
  readonly partition: Partition;
  readonly rowKey: Uint8Array;
  readonly stamp: ChangeId;
  /** False where what it lists could not be read. */
  readonly isCertain: boolean;
}

export interface ReferenceSearchOptions {
  readonly keymap: Keymap;
  readonly manifests: Manifests;
}

/** @limit Rows looked at in one step. */
const rowsPerStep = 256;

interface Page extends ReferentPage {
  readonly partition: Partition;
}

export class ReferenceSearch {
  readonly #manifests: Manifests;
  readonly #extent: ExtentId;
  readonly #pages: AsyncGenerator<Page, void, undefined>;
  #known: Reference | undefined;

  /** The search begins with the reference that an earlier search found. */
  constructor(options: ReferenceSearchOptions, extent: ExtentId, known: Reference | undefined) {
    this.#manifests = options.manifests;
    this.#extent = extent;
    this.#known = known;
    this.#pages = pagesOf(options.keymap);
  }

  /** Looks at a bounded number of rows; `none` once all were seen. */
  async step(): Promise<Reference | "busy" | "none"> {
    const known = this.#known;
    this.#known = undefined;
    if (known !== undefined) {
      const now = await readRow(known.partition, known.rowKey);
      return now?.stamp === known.stamp ? known : "busy";
    }
    const { value: page } = await this.#pages.next();
    if (page === undefined) return "none";
    const { partition, kind, rows } = page;
    for (const row of rows) {
      const refers = await this.#refers(row, kind);
      if (refers === "no") continue;
      return { partition, rowKey: row.key, stamp: row.stamp, isCertain: refers === "yes" };
    }
    return "busy";
  }

  async #refers({ value }: Row, kind: Page["kind"]): Promise<"yes" | "perhaps" | "no"> {
    try {
      for await (const ref of this.#manifests.chunksOf(dataOf(kind, value))) {
        if (ref.extent === this.#extent) return "yes";
      }
      return "no";
    } catch (thrown) {
      await this.#manifests.assertLost(thrown);
      return "perhaps";
    }
  }
}

async function* pagesOf(keymap: Keymap): AsyncGenerator<Page, void, undefined> {
  for (const partition of keymap.partitions) {
    for await (const page of referentPages(partition, rowsPerStep)) yield { partition, ...page };
  }
}
