import type { ObjectRow } from "../format/object-row.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";

export interface ListInput {
  readonly bucket: string;
  readonly prefix: Uint8Array;
  /** Undefined or empty: no grouping. */
  readonly delimiter: Uint8Array | undefined;
  /**
   * List what comes after this key or common prefix, in byte order. If it is itself a common prefix (of this prefix and
   * delimiter), everything under it is skipped.
   */
  readonly after: Uint8Array | undefined;
  /** Keys and common prefixes together; 0 … 1,000. */
  readonly limit: number;
}

export type ListItem =
  | { readonly kind: "object"; readonly key: Uint8Array; readonly row: ObjectRow }
  | { readonly kind: "prefix"; readonly prefix: Uint8Array };

export interface ListPage {
  /** In byte order of key or prefix. */
  readonly items: readonly ListItem[];
  /** More follows; give the last item's key or prefix as `after` to go on. */
  readonly truncated: boolean;
}

/** One page; costs a seek per common prefix, however many keys lie under it. */
export declare function listObjects(
  store: ObjectStore,
  input: ListInput,
): Promise<ListPage | Refusal>;
