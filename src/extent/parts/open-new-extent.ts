import { messageOf } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import type { ExtentRow, Scheme } from "../../format/extent-row.ts";
import type { SessionId } from "../../format/ids.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import type { DataDisk, ExtentDisks } from "../extent-files.ts";
import { extentPath } from "../extent-files.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";
import type { ExtentLedger } from "./extent-ledger.ts";
import { LocalMember } from "./local-member.ts";
import { dropMember, expectedHeaderOf, writerEpoch } from "./member-drop.ts";
import { OpenExtent } from "./open-extent.ts";

const scheme: Scheme = { kind: "replicated", copies: 1, quorum: 1 };
/**
 * @limit Ids tried for one extent. Files in the way are rare: an index that is behind its disks is
 * refused at the start.
 */
const idsTriedMax = 16;

/** Who opens extents, and where. */
export interface OpeningOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly table: ExtentTable;
  readonly session: SessionId;
  readonly storageClass: string;
}

export interface OpeningCounts {
  extentsOpened: number;
  /** Files found where a new extent's was to be made. */
  filesInTheWay: number;
}

/**
 * The row comes first, so that no file is without one; then the file; only then is anything
 * appended. A file that is there already never becomes ours, whatever it is (C9): its id is given
 * up, with the row, so that nothing ever removes it on the row's behalf.
 */
export async function openNewExtent(
  options: OpeningOptions,
  place: DataDisk,
  ledger: ExtentLedger,
  counts: OpeningCounts,
): Promise<OpenExtent> {
  const { platform, table } = options;
  for (let tried = 1; ; tried++) {
    const entry = await table.create(newRow(options, place, platform.clock.now()));
    ledger.opened(entry);
    counts.extentsOpened++;
    try {
      const member = await LocalMember.create(
        platform.hash,
        place.disk,
        headerOf(options, place, entry),
      );
      await assertStillOpen(options, entry, place, member);
      const openedMs = platform.clock.monotonicMs();
      return new OpenExtent({ hash: platform.hash, entry, members: [member], openedMs });
    } catch (error) {
      if (!isDiskError(error, "exists")) {
        // There may be a file or none: either way nothing is in it.
        ledger.closed(entry.id, 0);
        throw error;
      }
      counts.filesInTheWay++;
      await giveUp(options, entry, place, ledger);
      if (tried < idsTriedMax) continue;
      const path = `${place.disk.name}/${extentPath(entry.id)}`;
      const message = `files exist at the paths of new extents, the last at ${path}`;
      throw new DiskError("io", `${message}: run holdfast check`, { cause: error });
    }
  }
}

/**
 * Where the row can't be removed, it is sealed at length 0 once our session has ended: then the
 * header is looked at.
 */
async function giveUp(
  { platform, table }: OpeningOptions,
  entry: ExtentEntry,
  place: DataDisk,
  ledger: ExtentLedger,
): Promise<void> {
  const fields = { extent: entry.id, disk: place.disk.name };
  platform.log("error", "extent_file_in_the_way", fields);
  ledger.forget(entry.id);
  try {
    await table.remove(entry);
  } catch (thrown) {
    platform.log("warn", "extent_row_not_removed", { ...fields, message: messageOf(thrown) });
  }
}

/**
 * Others may have taken us for dead before there was a file, and dropped the extent: then nobody
 * would ever remove it. Whether they were right shows at the next commit, which checks the
 * session; here it only means that this extent is not ours to write, and another is opened.
 */
async function assertStillOpen(
  { platform, disks, table }: OpeningOptions,
  entry: ExtentEntry,
  place: DataDisk,
  member: LocalMember,
): Promise<void> {
  const { id, stamp } = entry;
  const found = await table.get(id);
  if (found?.stamp === stamp) return;
  const state = found?.row.state ?? "gone";
  platform.log("warn", "extent_taken_away", { extent: id, state });
  await member.close();
  const expected = expectedHeaderOf(disks.store, place.id, entry);
  const why = "another process sealed it before anything was written to it";
  await dropMember(platform, { place, expected, why });
  throw new DiskError("io", `extent ${id} was sealed by others before it was written (${state})`);
}

function newRow(
  { session, storageClass }: OpeningOptions,
  { id }: DataDisk,
  createdMs: number,
): ExtentRow {
  return {
    state: "open",
    scheme,
    members: [{ disk: id, state: "whole" }],
    epoch: writerEpoch,
    session,
    storageClass,
    createdMs,
    sealedMs: 0,
    length: 0,
    deadBytes: 0,
    droppedMs: 0,
  };
}

function headerOf(
  { disks }: OpeningOptions,
  place: DataDisk,
  { id, row }: ExtentEntry,
): ExtentHeader {
  const { session, createdMs, epoch } = row;
  const own = { store: disks.store, disk: place.id, extent: id, session, createdMs, epoch };
  return { ...own, sequence: 0, scheme, member: 0 };
}
