import { commitPlan } from "./commit.ts";
import { objectOf, planHeadRemoval, readHead } from "./commit-head.ts";
import type { WriteCondition } from "./conditions.ts";
import { checkWrite } from "./conditions.ts";
import type { ObjectStore } from "./object-store.ts";
import type { Refusal } from "./refusal.ts";
import { isRefusal } from "./refusal.ts";
import { openTarget } from "./target.ts";

export interface DeleteInput {
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly condition: WriteCondition;
}

/**
 * Deleting what is not there succeeds (unless conditional). The bytes become garbage in the same
 * commit (C5).
 */
export async function deleteObject(
  store: ObjectStore,
  input: DeleteInput,
): Promise<{ deleted: true } | Refusal> {
  const target = await openTarget(store, input.bucket, input.key);
  if (isRefusal(target)) return target;
  const nothingThere: { deleted: true } = { deleted: true };
  if (input.condition.kind === "always" && (await readHead(target)) === undefined) {
    return nothingThere;
  }
  return commitPlan(store, target, async () => {
    const head = await readHead(target);
    const refusal = checkWrite(input.condition, objectOf(head));
    if (refusal !== undefined) return refusal;
    if (head !== undefined) return planHeadRemoval(target, head);
    return { checks: [], puts: [], deletes: [], freed: [], result: nothingThere };
  });
}
