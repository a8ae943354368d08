import { StoreError } from "../base/errors.ts";
import type { Change, Engine } from "../engine/engine.ts";
import type { ChangeId } from "../format/ids.ts";
import type { Platform } from "../platform/platform.ts";
import { resolveCommit } from "./partition/resolve-commit.ts";
import { idOfBytes } from "../format/ids.ts";

/**
 * Commits a change without a session, for what comes before there is one. Its id is random, which
 * no session's can be (those begin with zeros). The id if it happened.
 */
export async function commitEarly(
  platform: Platform,
  engine: Engine,
  change: Omit<Change, "id">,
): Promise<ChangeId | "conflict"> {
  const whole = { ...change, id: idOfBytes<ChangeId>(platform.random.bytes(16)) }; // made to be one
  const result = await engine.commit(whole);
  if (result.outcome === "conflict") return "conflict";
  if (result.outcome === "ok") return whole.id;
  const answer = await resolveCommit(engine, platform.clock, whole, result.cause);
  if (answer === "happened") return whole.id;
  throw new StoreError("unavailable", "the index did not take a commit: try again", {
    cause: result.cause,
  });
}
