import type { WriteCondition } from "./conditions.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";

export interface DeleteInput {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly condition: WriteCondition;
}

/** Deleting what is not there succeeds (unless conditional). The bytes become garbage in the same commit (C5). */
export declare function deleteObject(
  store: ObjectStore,
  input: DeleteInput,
): Promise<{ deleted: true } | Refusal>;
