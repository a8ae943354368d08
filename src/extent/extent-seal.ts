import { StoreError } from "../base/errors.ts";
import type { SessionId } from "../format/ids.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ExtentEntry, ExtentTable } from "./extent-table.ts";
import { writerEpoch } from "./member/member-header.ts";
import { sealMembers } from "./seal/seal-members.ts";
import { sealShards } from "./seal/seal-shards.ts";

export interface SealOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  /** An open extent whose writer's session is fenced in every partition. */
  readonly entry: ExtentEntry;
  /** The session of the process that seals. */
  readonly session: SessionId;
}

/**
 * Seals an extent that its writer left open. The epoch in the headers of its members is raised
 * first, on so many of them that any quorum has one: a writer that was only paused sees that after
 * its next sync and answers nobody. Then what it wrote is looked for in each, written to those that
 * lack it, and synced (the writer may have died before that), and the length committed with the
 * states of the members.
 *
 * The last valid record that any member has ends the extent, whatever lies before it: a record that
 * was acknowledged may have been damaged since, and those behind it are as good as ever. A record
 * of the last write, torn by a crash, counts in as well if one behind it is whole; nothing refers
 * to it.
 *
 * A crash anywhere leaves the row open, and the whole is done again. No writer can have rows to
 * commit for it any more, so the extent is settled at once. Without a record it ends behind its
 * header. Its length is 0 where there is no file that proves to be its own: one that is another's
 * is not touched (C9).
 *
 * The epoch is made from the session of the process that seals. So one that was only paused, and
 * taken for dead, cannot raise it past what the row says once others have sealed the extent.
 *
 * Returns the row as it is now, which is another's where somebody else sealed it first. StoreError
 * `missing`, `io` where too many data directories are not there or fail: the extent stays open,
 * since its records may come back with them.
 */
export async function sealAbandoned(options: SealOptions): Promise<ExtentEntry> {
  const { table } = options;
  let { entry } = options;
  while (entry.row.state === "open") {
    const epoch = writerEpoch + options.session;
    const { scheme } = entry.row;
    const sealing = { ...options, entry, epoch };
    const sealed =
      scheme.kind === "replicated"
        ? await sealMembers(sealing)
        : await sealShards({ ...sealing, scheme });
    const sealedMs = options.platform.clock.now();
    const row = { ...entry.row, ...sealed, state: "settled" as const, sealedMs };
    const replaced = await table.replace(entry, row);
    if (replaced !== "conflict") return replaced;
    // Dead bytes were added to the row, or somebody else sealed it: the next round sees which.
    const fresh = await table.get(entry.id);
    if (fresh === undefined) throw new StoreError("missing", `extent ${entry.id} has gone`);
    entry = fresh;
  }
  return entry;
}
