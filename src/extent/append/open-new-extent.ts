import { messageOf } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import type { ExtentRow, Scheme } from "../../format/extent-row.ts";
import type { SessionId } from "../../format/ids.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ExtentDisks } from "../extent-files.ts";
import { extentPath } from "../extent-files.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import type { ExtentLedger } from "./extent-ledger.ts";
import { dropMember } from "../extent-drop.ts";
import { expectedHeaderOf, writerEpoch } from "../member/member-header.ts";
import type { OpenMember } from "./open-extent.ts";
import { OpenExtent } from "./open-extent.ts";

/**
 * @limit Ids tried for one extent. Files in the way are rare: an index that is behind its disks is
 * refused at the start.
 */
const idsTriedMax = 16;

/** What opening an extent needs: the session that opens it, and the disks. */
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
 * Opens an extent with one member on each of the disks. The row comes first, so that no file is
 * without one; then the files; only then is anything appended. A file that is there already never
 * becomes ours, whatever it is (C9): its id is given up, with the row, so that nothing ever removes
 * it on the row's behalf.
 *
 * DiskError where a disk fails, which is passed to its health; StoreError where the table does.
 */
export async function openNewExtent(
  options: OpeningOptions,
  disks: readonly DiskHealth[],
  ledger: ExtentLedger,
  counts: OpeningCounts,
): Promise<OpenExtent> {
  const { platform, table } = options;
  for (let tried = 1; ; tried++) {
    const entry = await table.create(newRow(options, disks, platform.clock.now()));
    ledger.opened(entry);
    counts.extentsOpened++;
    const members: OpenMember[] = [];
    let taken: string | undefined;
    try {
      for (const health of disks) members.push(await createMember(options, entry, health));
      taken = await stateElsewhere(options, entry);
    } catch (error) {
      if (!(error instanceof FileInTheWay)) {
        // There may be files or none: either way nothing is in them.
        ledger.closed(entry.id, 0);
        await close(members);
        throw error;
      }
      counts.filesInTheWay++;
      await giveUp(options, entry, members, error, ledger);
      if (tried < idsTriedMax) continue;
      const message = `files exist at the paths of new extents, the last at ${error.path}`;
      throw new DiskError("io", `${message}: run holdfast check`, { cause: error });
    }
    if (taken === undefined) {
      const openedMs = platform.clock.monotonicMs();
      return new OpenExtent({ hash: platform.hash, entry, members, openedMs });
    }
    ledger.closed(entry.id, 0);
    platform.log("warn", "extent_taken_away", { extent: entry.id, state: taken });
    const why = "another process sealed it before anything was written to it";
    await drop(options, entry, members, why);
    const message = `extent ${entry.id} was sealed by others before it was written (${taken})`;
    throw new DiskError("io", message);
  }
}

class FileInTheWay extends Error {
  readonly directory: string;
  readonly path: string;

  constructor({ members }: DiskHealth["place"], { id }: ExtentEntry, cause: unknown) {
    super("a file exists at the path of a new extent", { cause });
    this.directory = members.name;
    this.path = `${members.name}/${extentPath(id)}`;
  }
}

async function createMember(
  options: OpeningOptions,
  entry: ExtentEntry,
  health: DiskHealth,
): Promise<OpenMember> {
  const { place } = health;
  const expected = expectedHeaderOf(options.disks.store, place.id, entry);
  const header: ExtentHeader = { ...expected, sequence: 0 };
  try {
    return { member: await place.members.create(header), health };
  } catch (error) {
    if (isDiskError(error, "exists")) throw new FileInTheWay(place, entry, error);
    if (isDiskError(error)) health.failed(error);
    throw error;
  }
}

/**
 * Where the row can't be removed, it is sealed at length 0 once our session has ended: then the
 * header is looked at.
 */
async function giveUp(
  options: OpeningOptions,
  entry: ExtentEntry,
  members: readonly OpenMember[],
  { directory }: FileInTheWay,
  ledger: ExtentLedger,
): Promise<void> {
  const { platform, table } = options;
  const fields = { extent: entry.id, disk: directory };
  platform.log("error", "extent_file_in_the_way", fields);
  ledger.forget(entry.id);
  try {
    await drop(options, entry, members, "another file of the extent is in the way");
    await table.remove(entry);
  } catch (thrown) {
    platform.log("warn", "extent_row_not_removed", { ...fields, message: messageOf(thrown) });
  }
}

/**
 * The state of the row where it is no longer as it was made. Others may have taken us for dead
 * before there was a file, and dropped the extent: then nobody would ever remove the file. Whether
 * they were right shows at the next commit, which checks the session; here it only means that this
 * extent is not ours to write, and another is opened.
 */
async function stateElsewhere(
  { table }: OpeningOptions,
  { id, stamp }: ExtentEntry,
): Promise<string | undefined> {
  const found = await table.get(id);
  return found?.stamp === stamp ? undefined : (found?.row.state ?? "gone");
}

async function close(members: readonly OpenMember[]): Promise<void> {
  await Promise.all(members.map(({ member }) => member.close()));
}

/** Removes the files that were made for an extent that is not written. */
async function drop(
  { platform, disks }: OpeningOptions,
  entry: ExtentEntry,
  members: readonly OpenMember[],
  why: string,
): Promise<void> {
  await close(members);
  for (const { health } of members) {
    const { place } = health;
    const expected = expectedHeaderOf(disks.store, place.id, entry);
    await dropMember(platform, { place, expected, why });
  }
}

function newRow(
  { session, storageClass }: OpeningOptions,
  disks: readonly DiskHealth[],
  createdMs: number,
): ExtentRow {
  const copies = disks.length;
  const scheme: Scheme = { kind: "replicated", copies, quorum: copies };
  return {
    state: "open",
    scheme,
    members: disks.map(({ place }) => ({ disk: place.id, state: "whole" })),
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
