import { must } from "../../base/assert.ts";
import { isStoreError, type StoreError } from "../../base/errors.ts";
import type { MemberState, ShardScheme } from "../../format/extent-row.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Platform } from "../../platform/platform.ts";
import { onDisk } from "../disk/disk-error-codes.ts";
import type { ExtentDisks } from "../extent-files.ts";
import { findDisk } from "../extent-files.ts";
import type { ExtentMember } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { isRemoved } from "../mounted-disks.ts";
import { expectedHeaderOf } from "../member/member-header.ts";
import { bytesIn, type Stretch } from "./valid-records.ts";

/** A member whose epoch is raised, and what was found in it. */
export interface ReachedMember<T> {
  readonly member: ExtentMember;
  readonly found: T;
}

export type Reached<T> =
  | ReachedMember<T>
  /** Its file is not there, or not the one that is meant, and its disk is, or never will be. */
  | { readonly lost: "missing" | "damaged" }
  /** Nothing is known of it. */
  | { readonly failure: StoreError };

export interface SealingOptions {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
  readonly entry: ExtentEntry;
  /** Above the writer's, and above that of everybody who sealed it before. */
  readonly epoch: number;
}

/** The same for an extent that is coded while it is written. */
export interface ShardSealingOptions extends SealingOptions {
  readonly scheme: ShardScheme;
}

/** Raises the epoch of a member first: what is acknowledged after that is in no quorum with it. */
export async function reachMember<T>(
  options: SealingOptions,
  index: number,
  look: (member: ExtentMember) => Promise<T>,
): Promise<Reached<T>> {
  const { platform, disks, entry, epoch } = options;
  const { disk } = must(entry.row.members[index], "a member");
  if (isRemoved(disks, disk)) return { lost: "missing" };
  try {
    const place = findDisk(disks, disk);
    await place.members.assertPresent();
    const member = await onDisk(place.members.open(expectedHeaderOf(disks.store, disk, entry)));
    // Its writer died between committing the row and making the file, or it was removed.
    if (member === "absent") return { lost: "missing" };
    if ("doubt" in member) {
      const fields = { extent: entry.id, disk: place.members.name, why: member.doubt };
      platform.log("error", "extent_file_kept", fields);
      return { lost: "damaged" };
    }
    try {
      await onDisk(member.seal(epoch));
      return { member, found: await look(member) };
    } catch (error) {
      await member.close();
      throw error;
    }
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return { failure: error };
  }
}

/**
 * Why some members could not be reached: StoreError `fenced`, where it is there, is thrown.
 */
export function failureAmong(reached: readonly Reached<unknown>[]): StoreError | undefined {
  const failures = reached.flatMap((one) => ("failure" in one ? [one.failure] : []));
  const fenced = failures.find((failure) => failure.code === "fenced");
  if (fenced !== undefined) throw fenced;
  return failures[0];
}

/** A member that was not reached may end before the others. */
export function stateOfReached<T>(
  one: Reached<T>,
  whole: ReadonlySet<ReachedMember<T>>,
): MemberState {
  if ("lost" in one) return one.lost;
  return "member" in one && whole.has(one) ? "whole" : "behind";
}

/** Reports bytes before the end of an extent that no valid record has. */
export function reportDamage(
  { platform, entry }: SealingOptions,
  length: number,
  records: readonly Stretch[],
): void {
  const bytesBadWithin = Math.max(0, length - extentHeaderBytes) - bytesIn(records);
  if (bytesBadWithin === 0) return;
  platform.log("error", "extent_sealed_with_damage", { extent: entry.id, length, bytesBadWithin });
}
