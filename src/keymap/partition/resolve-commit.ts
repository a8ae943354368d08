import { StoreError } from "../../base/errors.ts";
import { type Change, type EngineReader, readRow } from "../../engine/engine.ts";
import { toHex } from "../../base/bytes.ts";
import type { Clock } from "../../platform/platform.ts";

/*
 * Finds out what became of a change whose commit was answered `unknown`. It is decided by then, so
 * reading shows it, but only as far as rows can tell:
 *
 * - A row that carries the change's id: it happened (ids are never used twice).
 * - A row that the change would have replaced or deleted still has the stamp the change checked: it
 *   did not happen (stamps do not come back).
 * - Anything else may be the work of others after ours, or instead of ours: it stays unknown. That
 *   a row which had to be absent is absent proves nothing, since another may have deleted ours.
 */

/** @limit Looks at the rows before giving up; with the delays between them about three seconds. */
const attemptsMax = 5;
/** @limit Pause before the second look; it doubles before each further one. */
const retryDelayMs = 200;

export async function resolveCommit(
  reader: EngineReader,
  clock: Clock,
  change: Change,
  cause: unknown,
): Promise<"happened" | "did not happen"> {
  let last = cause;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (attempt > 0) await clock.sleep(retryDelayMs * 2 ** (attempt - 1));
    try {
      const answer = await look(reader, change);
      if (answer !== "unclear") return answer;
      break;
    } catch (thrown) {
      last = thrown;
    }
  }
  throw new StoreError("unknown", "it is not known whether a commit happened", { cause: last });
}

async function look(
  reader: EngineReader,
  change: Change,
): Promise<"happened" | "did not happen" | "unclear"> {
  const touched = new Set(change.deletes.map(toHex));
  for (const put of change.puts) {
    const row = await readRow(reader, put.key);
    if (row?.stamp === change.id) return "happened";
    touched.add(toHex(put.key));
  }
  for (const check of change.checks) {
    if (check.expect === "absent" || !touched.has(toHex(check.key))) continue;
    const row = await readRow(reader, check.key);
    if (row?.stamp === check.expect) return "did not happen";
  }
  return "unclear";
}
