import { assert, must } from "../../base/assert.ts";
import { isStoreError, StoreError } from "../../base/errors.ts";
import type { ExtentRow } from "../../format/extent-row.ts";
import { chunkBytesMax, extentHeaderBytes } from "../../format/limits.ts";
import { batchBytesMax } from "../append/append-lane.ts";
import { onDisk } from "../disk/disk-error-codes.ts";
import type { ExtentMember } from "../extent-member.ts";
import { isRemoved } from "../mounted-disks.ts";
import {
  failureAmong,
  type ReachedMember,
  reachMember,
  reportDamage,
  type SealingOptions,
  stateOfReached,
} from "./reach-member.ts";
import { type Stretch, unionOf, validRecords, without } from "./valid-records.ts";

/** A member and the valid records that it holds. */
type SealedMember = ReachedMember<readonly Stretch[]>;

/**
 * Ends an extent whose writer is dead, and brings its members to the same length: what its row says
 * then. StoreError where too few members can be reached to know what was acknowledged, and nothing
 * is decided then.
 */
export async function sealMembers(
  options: SealingOptions,
): Promise<Pick<ExtentRow, "length" | "epoch" | "members">> {
  const { entry, epoch } = options;
  const { members, scheme } = entry.row;
  assert(scheme.kind === "replicated", "an open extent has copies");
  const { platform } = options;
  const look = (member: ExtentMember) => validRecords(platform, entry.id, member);
  const reached = await Promise.all(members.map((_, index) => reachMember(options, index, look)));
  const sealed = reached.filter((one) => "member" in one);
  try {
    const failure = failureAmong(reached);
    // Any quorum has one of so many members.
    // holds: C1 seal-meets-every-quorum
    if (failure !== undefined && sealed.length <= scheme.copies - scheme.quorum) throw failure;
    // holds: C1 longest-member-counts
    const records = unionOf(sealed.map(({ found }) => found));
    const length = sealed.length === 0 ? 0 : (records.at(-1)?.end ?? extentHeaderBytes);
    reportDamage(options, length, records);
    const completed = await completeAll(sealed, epoch, records);
    const whole = new Set(sealed.filter((_, index) => completed[index] === undefined));
    const incomplete = completed.find((error) => error !== undefined);
    // holds: C1 sealed-on-a-quorum
    if (incomplete !== undefined && whole.size < Math.min(scheme.quorum, sealed.length)) {
      throw incomplete;
    }
    const isEmpty = length <= extentHeaderBytes;
    const after = members.map((one, index) => {
      if (isEmpty && !isRemoved(options.disks, one.disk)) return one;
      const found = must(reached[index], "each member was tried");
      return { ...one, state: stateOfReached(found, whole) };
    });
    return { length, epoch, members: after };
  } finally {
    await Promise.all(sealed.map(({ member }) => onDisk(member.close())));
  }
}

/** Gives each member what only others have; why that failed, or undefined, for each. */
function completeAll(
  sealed: readonly SealedMember[],
  epoch: number,
  records: readonly Stretch[],
): Promise<(StoreError | undefined)[]> {
  const length = records.at(-1)?.end ?? extentHeaderBytes;
  return Promise.all(
    sealed.map(async ({ member, found: own }) => {
      try {
        for (const stretch of without(records, own)) {
          await onDisk(copy(sealed, member, epoch, stretch));
        }
        await onDisk(writeTailAgain(member, epoch, length));
        return undefined;
      } catch (error) {
        if (isStoreError(error)) return error;
        throw error;
      }
    }),
  );
}

async function copy(
  sources: readonly SealedMember[],
  to: ExtentMember,
  epoch: number,
  { start, end }: Stretch,
): Promise<void> {
  for (let at = start; at < end;) {
    const from = must(sourceOf(sources, at), "a record is in no member");
    const bytes = new Uint8Array(Math.min(end, from.end, at + chunkBytesMax) - at);
    const count = await from.member.read(bytes, at);
    if (count < bytes.length)
      throw new StoreError("io", "a member became shorter as it was sealed");
    await to.append(epoch, at, [bytes]);
    at += bytes.length;
  }
}

function sourceOf(
  sources: readonly SealedMember[],
  at: number,
): { readonly member: ExtentMember; readonly end: number } | undefined {
  for (const { member, found: records } of sources) {
    const stretch = records.find(({ start, end }) => start <= at && at < end);
    if (stretch !== undefined) return { member, end: stretch.end };
  }
  return undefined;
}

/**
 * A sync may have failed, and only the writer knew, which is dead now: then the system holds what
 * it could not write for clean, gives it to readers, and forgets it at a power cut. To be in such a
 * state is the last batch at the most. Written again it is durable once synced.
 */
async function writeTailAgain(member: ExtentMember, epoch: number, length: number): Promise<void> {
  const start = Math.max(extentHeaderBytes, length - batchBytesMax);
  if (start >= length) return;
  const tail = new Uint8Array(length - start);
  await member.read(tail, start);
  await member.append(epoch, start, [tail]);
}
