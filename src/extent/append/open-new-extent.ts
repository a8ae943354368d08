import { messageOf } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import type { ExtentClass, ExtentRow, Scheme } from "../../format/extent-row.ts";
import { copyOn, firstLayout } from "../../format/extent-row.ts";
import { must } from "../../base/assert.ts";
import { quorumOf } from "../../base/quorum.ts";
import type { DiskId, SessionId } from "../../format/ids.ts";
import { DiskError, isDiskError } from "../../platform/disk.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ExtentDisks } from "../extent-files.ts";
import { extentPath } from "../extent-files.ts";
import type { ExtentEntry, ExtentTable } from "../extent-table.ts";
import type { DiskHealth } from "../disk/disk-health.ts";
import { emptyExtent, type ExtentLedger } from "./extent-ledger.ts";
import { dropMember } from "../extent-drop.ts";
import { expectedHeaderOf, writerEpoch } from "../member/member-header.ts";
import { lateMsMax } from "./member-appender.ts";
import type { OpenMember } from "./open-extent.ts";
import { OpenExtent } from "./open-extent.ts";
import { CopyDistribution, type Distribution, StripeDistribution } from "./distribution.ts";
import { StripeEncoder } from "../code/stripe-encoder.ts";
import { codeOf } from "../../erasure/codes.ts";

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
}

/** What a new extent is for, where its members are, and in which scheme. */
export interface ExtentPlace {
  readonly extentClass: ExtentClass;
  /** One for each member. */
  readonly disks: readonly DiskHealth[];
  readonly scheme: Scheme;
}

/** Copies on these disks. */
export function copiesOn(disks: readonly DiskHealth[], extentClass: ExtentClass): ExtentPlace {
  const copies = disks.length;
  return { extentClass, disks, scheme: { kind: "replicated", copies, quorum: quorumFor(copies) } };
}

/**
 * How many members of a scheme are durable when an append is answered: of shards so many that any
 * half of the losses that the code survives, rounded up, leaves what was answered readable.
 */
export function quorumOfScheme(scheme: Scheme): number {
  if (scheme.kind === "replicated") return scheme.quorum;
  return scheme.data + Math.ceil(scheme.parity / 2);
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
 * The disks that are making a file are in `asked`. DiskError where a disk fails, which is passed to
 * its health; StoreError where the table does.
 */
export async function openNewExtent(
  options: OpeningOptions,
  place: ExtentPlace,
  ledger: ExtentLedger,
  counts: OpeningCounts,
  asked: Set<DiskHealth>,
): Promise<OpenExtent> {
  const { platform, table } = options;
  const { disks } = place;
  for (let tried = 1; ; tried++) {
    const entry = await table.create(newRow(options, place, platform.clock.now()));
    if ("refusedBy" in entry) throw refusedBy(disks, entry.refusedBy);
    ledger.opened(entry);
    counts.extentsOpened++;
    const members: OpenMember[] = [];
    let taken: string | undefined;
    try {
      await createMembers(options, entry, { disks, asked }, members);
      taken = await stateElsewhere(options, entry);
    } catch (error) {
      if (!(error instanceof FileInTheWay)) {
        // There may be files or none: either way nothing is in them.
        ledger.closed(entry.id, emptyExtent);
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
      return new OpenExtent({
        platform,
        entry,
        members,
        distribution: distributionOf(platform, entry),
      });
    }
    ledger.closed(entry.id, emptyExtent);
    platform.log("warn", "extent_taken_away", { extent: entry.id, state: taken });
    const why = "another process sealed it before anything was written to it";
    await close(members);
    await drop(options, entry, members, why);
    const message = `extent ${entry.id} was sealed by others before it was written (${taken})`;
    throw new DiskError("io", message);
  }
}

/** The disk is left alone for a while: by then this process knows of its new state. */
function refusedBy(disks: readonly DiskHealth[], id: DiskId): DiskRefused {
  const health = must(
    disks.find(({ place }) => place.id === id),
    "a disk that refuses is among those asked",
  );
  health.refuse();
  return new DiskRefused(health);
}

/** A disk takes no members any more, as its row says; nothing was made yet. */
export class DiskRefused extends DiskError {
  constructor({ place }: DiskHealth) {
    super("read_only", `${place.disk.name} takes no new data any more`);
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

/**
 * Makes all members at the same time, and adds to the list those that could be made. Where it is
 * decided whether a quorum can be, the others are waited for as long as for an append: a disk that
 * is late is left alone, and its file is given up once it is there.
 */
async function createMembers(
  options: OpeningOptions,
  entry: ExtentEntry,
  { disks, asked }: { readonly disks: readonly DiskHealth[]; readonly asked: Set<DiskHealth> },
  members: OpenMember[],
): Promise<void> {
  for (const health of disks) asked.add(health);
  let unmade = disks.length;
  const makings = disks.map((health) =>
    createMember(options, entry, health).finally(() => {
      asked.delete(health);
      unmade--;
    }),
  );
  const made = new AbortController();
  const { clock } = options.platform;
  const sleep = async (): Promise<void> => {
    if (unmade === 0) return; // none is waited for
    await clock.sleep(lateMsMax, made.signal);
    // Where this process stood still, the answer of a disk that seems to be late may have come.
    if (!made.signal.aborted) await clock.turn();
  };
  const late = new DiskError("io", `not all files of extent ${entry.id} were made in time`);
  // holds: C6 late-creation-is-left
  const isLate = quorumOf(makings, quorumOfScheme(entry.row.scheme)).then(sleep, sleep);
  const inTime = makings.map((making) =>
    Promise.race([
      making,
      isLate.then(() => {
        throw late;
      }),
    ]),
  );
  const failures: unknown[] = [];
  for (const [index, one] of (await Promise.allSettled(inTime)).entries()) {
    if (one.status === "fulfilled") members.push(one.value);
    else failures.push(one.reason);
    if (one.status === "fulfilled" || one.reason !== late) continue;
    must(disks[index], "a disk for each member").leaveAlone();
    void giveUpLate(options, entry, must(makings[index], "one for each disk"));
  }
  made.abort();
  // An id that is taken is given up, whatever else there is.
  const [failure] = failures;
  if (failure !== undefined) throw failures.find((one) => one instanceof FileInTheWay) ?? failure;
}

/**
 * The extent has ended without anything in it. Where its row has gone already, nobody else would
 * remove the file.
 */
async function giveUpLate(
  options: OpeningOptions,
  entry: ExtentEntry,
  making: Promise<OpenMember>,
): Promise<void> {
  const { platform, table } = options;
  try {
    const made = await making;
    await made.member.close();
    const found = await table.get(entry.id);
    if (found === undefined) await drop(options, entry, [made], "it was made too late");
  } catch (thrown) {
    const fields = { extent: entry.id, message: messageOf(thrown) };
    platform.log("warn", "extent_file_too_late", fields);
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
    await close(members);
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

/** Removes the files, closed by now, that were made for an extent that is not written. */
async function drop(
  { platform, disks }: OpeningOptions,
  entry: ExtentEntry,
  members: readonly OpenMember[],
  why: string,
): Promise<void> {
  for (const { health } of members) {
    const { place } = health;
    const expected = expectedHeaderOf(disks.store, place.id, entry);
    await dropMember(platform, { place, expected, why });
  }
}

function distributionOf(platform: Platform, { id, row }: ExtentEntry): Distribution {
  const { scheme, session } = row;
  const quorum = quorumOfScheme(scheme);
  if (scheme.kind === "replicated") return new CopyDistribution(scheme.copies, quorum);
  const encoder = new StripeEncoder(platform, codeOf(scheme));
  return new StripeDistribution({ platform, encoder, scheme, quorum, extent: id, session });
}

/** How many of the copies are durable when an append is answered: more than half of them. */
export function quorumFor(copies: number): number {
  return Math.floor(copies / 2) + 1;
}

function newRow(
  { session }: OpeningOptions,
  { extentClass, disks, scheme }: ExtentPlace,
  createdMs: number,
): ExtentRow {
  const { storageClass, bucketScheme } = extentClass;
  return {
    state: "open",
    scheme,
    members: disks.map(({ place }) => copyOn(place.id)),
    epoch: writerEpoch,
    session,
    storageClass,
    bucketScheme,
    createdMs,
    sealedMs: 0,
    length: 0,
    deadBytes: 0,
    droppedMs: 0,
    ...firstLayout,
  };
}
