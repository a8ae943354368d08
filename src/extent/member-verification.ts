import { assert } from "../base/assert.ts";
import { isStoreError, messageOf, StoreError } from "../base/errors.ts";
import { codeOf } from "../erasure/codes.ts";
import { hasSpoiledSlot } from "../format/extent-header.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { onDisk } from "./disk/disk-error-codes.ts";
import { isReadError, UnreadableBytes } from "./disk/unreadable-bytes.ts";
import { ContentDigester } from "./digest-tree.ts";
import { isStillUnreadable } from "./extent-examination.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { ExtentEntry } from "./extent-table.ts";
import type { ViewOptions } from "./extent-view.ts";
import { currentHeader, expectedHeaderOf, mismatchOf } from "./member/member-header.ts";
import { openMember } from "./open-member.ts";
import { RecordWindow } from "./read/record-window.ts";
import { openTimed } from "./read/timed-member.ts";
import { Shards } from "./read/shard-reader.ts";
import { validRecordIn } from "./verified-content.ts";

/** What a member was found to be. */
export interface VerifiedMember {
  /** The first thing that is wrong with it; undefined where all is well. */
  readonly error: StoreError | undefined;
  /** True where that is bytes that its disk could not read. */
  readonly isUnreadable?: boolean | undefined;
  /** The root of the digest tree (digest-tree.ts) of a copy that is well. */
  readonly root?: number | undefined;
}

/** Bytes that were read since the last look. */
export type BytesRead = number;

/** Reads one member of a sealed extent to its end (verification). */
export async function verifyMember(
  options: ViewOptions,
  entry: ExtentEntry,
  member: number,
  signal: AbortSignal,
): Promise<VerifiedMember> {
  const work = verification(options, entry, member, signal);
  for (;;) {
    const next = await work.next();
    if (next.done === true) return next.value;
  }
}

/**
 * Reads one member of a sealed extent from front to back, as if there were no other. Between two
 * yields it reads a bounded number of bytes. Bytes that its disk cannot read, twice, though it
 * answers otherwise, are wrong as others are. StoreError `missing`, `io` and so on where nothing can
 * be said of the member.
 *
 * Of a copy each record is verified, and there must be nothing but records, with zeros between
 * them; of a shard each block of its content, by a table that the row vouches for. What stands
 * behind the extent's length does not count.
 */
export async function* verification(
  options: ViewOptions,
  entry: ExtentEntry,
  member: number,
  signal: AbortSignal,
): AsyncGenerator<BytesRead, VerifiedMember, undefined> {
  try {
    return yield* readThrough(options, entry, member, signal);
  } catch (thrown) {
    if (!isReadError(thrown)) throw thrown;
    // Where not even the file could be opened, that is tried again.
    const where = thrown instanceof UnreadableBytes ? thrown.where : { offset: 0, bytes: 0 };
    // holds: C4 unreadable-bytes-are-damage
    if (!(await isStillUnreadable(options, entry, member, where))) throw thrown;
    const error = corrupt(`extent ${entry.id}, member ${member}`, messageOf(thrown));
    return { error, isUnreadable: true };
  }
}

async function* readThrough(
  { platform, disks }: ViewOptions,
  entry: ExtentEntry,
  member: number,
  signal: AbortSignal,
): AsyncGenerator<BytesRead, VerifiedMember, undefined> {
  const what = `extent ${entry.id}, member ${member}`;
  const opening = openMember(disks, entry, member);
  const file = await openTimed(platform.clock, what, opening);
  try {
    const wrong = await wrongInHeader({ platform, disks }, entry, member, file);
    if (wrong !== undefined) return { error: corrupt(what, wrong) };
    const { scheme } = entry.row;
    if (scheme.kind === "replicated") {
      return yield* verifyCopy({ platform, disks }, entry, { file, what, signal });
    }
    const coded = { ...entry, row: { ...entry.row, scheme } };
    const open = () => Promise.resolve(file);
    const shards = new Shards({ platform, code: codeOf(scheme), entry: coded, open });
    return { error: yield* firstBadBlock(shards, member, signal) };
  } finally {
    await file.close();
  }
}

async function wrongInHeader(
  { platform: { hash }, disks }: ViewOptions,
  entry: ExtentEntry,
  member: number,
  file: Pick<ReadableMember, "read">,
): Promise<string | undefined> {
  const slots = new Uint8Array(extentHeaderBytes);
  await onDisk(file.read(slots, 0));
  const header = currentHeader(hash, slots);
  const place = entry.row.members[member];
  // holds: C4 both-header-slots-verified
  if (header === undefined || place === undefined || hasSpoiledSlot(hash, slots)) {
    return "its header is damaged";
  }
  const expected = expectedHeaderOf(disks.store, place.disk, entry);
  // Sealing raises the epoch in the file before it does in the row.
  if (header.epoch < expected.epoch) return `its header says epoch ${header.epoch}`;
  return mismatchOf(header, expected);
}

interface Reading {
  readonly file: Pick<ReadableMember, "read">;
  readonly what: string;
  readonly signal: AbortSignal;
}

/** What is read to verify the records is digested as it passes by. */
async function* verifyCopy(
  { platform }: ViewOptions,
  { id, row }: ExtentEntry,
  { file, what, signal }: Reading,
): AsyncGenerator<BytesRead, VerifiedMember, undefined> {
  const digester = new ContentDigester(platform.hash);
  const read = async (buffer: Uint8Array, offset: number): Promise<number> => {
    const bytes = await file.read(buffer, offset);
    // A window begins within what was read before, or where that ended.
    const seen = extentHeaderBytes + digester.bytes - offset;
    assert(seen >= 0, "bytes of a copy were passed over");
    digester.add(buffer.subarray(seen, bytes));
    return bytes;
  };
  const window = new RecordWindow({ read }, row.length);
  for (let at = extentHeaderBytes; at < row.length;) {
    signal.throwIfAborted();
    const range = { platform, extent: id, to: row.length };
    const record = await validRecordIn(range, window, at);
    if (record === undefined) return { error: corrupt(what, `no whole record is at ${at}`) };
    at += record.bytes.length;
    // holds: C4 padding-verified
    if (record.padding.some((byte) => byte !== 0)) {
      return { error: corrupt(what, `bytes before ${at} are not the zeros they were`) };
    }
    yield record.bytes.length;
  }
  return { error: undefined, root: digester.root() };
}

async function* firstBadBlock(
  shards: Shards,
  member: number,
  signal: AbortSignal,
): AsyncGenerator<BytesRead, StoreError | undefined, undefined> {
  try {
    for await (const { length } of shards.blocksOf(member)) {
      signal.throwIfAborted();
      yield length;
    }
    return undefined;
  } catch (thrown) {
    if (isStoreError(thrown, "corrupt")) return thrown;
    throw thrown;
  }
}

function corrupt(what: string, why: string): StoreError {
  return new StoreError("corrupt", `${what}: ${why}`);
}
