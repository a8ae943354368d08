import { isStoreError, StoreError } from "../base/errors.ts";
import { codeOf } from "../erasure/codes.ts";
import type { ExtentRow, ShardScheme } from "../format/extent-row.ts";
import { stripedLength } from "../format/shard.ts";
import type { Platform } from "../platform/platform.ts";
import type { ExtentDisks } from "./extent-files.ts";
import type { ReadableMember } from "./extent-member.ts";
import type { ScannedHole, ScannedRecord } from "./extent-scan.ts";
import { longest, scanRecords } from "./extent-scan.ts";
import type { ExtentEntry } from "./extent-table.ts";
import { openMember } from "./open-member.ts";
import { openTimed } from "./read/timed-member.ts";
import { ShardReader, Shards } from "./read/shard-reader.ts";
import { membersToRead } from "./read/members-to-read.ts";

/*
 * How all who look into a whole extent read it (walks, compaction, checks, encoding), whatever its
 * scheme and whichever of its members are there. What the row says may be out of date: a file that
 * has gone since fails as `missing`, and whoever meets that reads the row again; a file of an older
 * layout holds the same records, and what is made of it is verified as ever.
 */

export interface ViewOptions {
  readonly platform: Pick<Platform, "clock" | "hash" | "combiner">;
  readonly disks: ExtentDisks;
}

/**
 * What a read of the whole extent goes by; offsets are those of references. Fails with StoreError
 * as the disks do.
 */
export type ExtentSource = Pick<ReadableMember, "read" | "size">;

export interface ExtentView {
  /**
   * Ways to read the extent, the best first; each of them reads all of it, while its disks answer.
   * They give bytes as they are on the disk, which the records have to prove: of a replicated
   * extent each is one copy; of a coded one the first gives what the data shards hold, and the
   * second only what their block tables prove. Both read around shards that are not there. The
   * header of the file, which each member has for itself, is not to be read so.
   */
  readonly sources: readonly [ExtentSource, ...ExtentSource[]];
  close(): Promise<void>;
}

/** StoreError as of the members, where none of them can be opened: `missing` if all have gone. */
export async function openExtentView(
  options: ViewOptions,
  entry: ExtentEntry,
): Promise<ExtentView> {
  const files = new MemberFiles(options, entry);
  const { scheme } = entry.row;
  if (scheme.kind === "replicated") return viewOfCopies(files, entry.row);
  const row = { ...entry.row, scheme };
  if (row.state === "open") return viewOfOpenShards(options, files, { ...entry, row });
  return viewOfShards(options, files, { ...entry, row });
}

/** The records and holes of an extent, from all of its sources (scanRecords). */
export function scanView(
  platform: Pick<Platform, "hash">,
  { sources: [file, ...others] }: ExtentView,
  range: {
    readonly extent: ExtentEntry["id"];
    readonly from: number;
    readonly to?: number | undefined;
    readonly skipPayload?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<ScannedRecord | ScannedHole, void> {
  return scanRecords({ platform, file, others, ...range });
}

/** The length of the longest source that can say it. StoreError as of the first, if none can. */
export function sizeOfView({ sources }: ExtentView): Promise<number> {
  return longest(sources);
}

async function viewOfCopies(files: MemberFiles, row: ExtentRow): Promise<ExtentView> {
  const sources: ExtentSource[] = [];
  const failures: StoreError[] = [];
  for (const member of membersToRead(row)) {
    try {
      sources.push(await files.open(member));
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      failures.push(thrown);
    }
  }
  const [first, ...others] = sources;
  if (first !== undefined) return { sources: [first, ...others], close: () => files.close() };
  await files.close();
  const none = new StoreError("missing", "an extent without members");
  throw failures.find(({ code }) => code !== "missing") ?? failures[0] ?? none;
}

type CodedEntry = ExtentEntry & { readonly row: { readonly scheme: ShardScheme } };

/**
 * While an extent is open its shards have no tables. Each source but the first leaves out one of
 * the data shards, which may be one that is being written just now.
 */
async function viewOfOpenShards(
  { platform }: ViewOptions,
  files: MemberFiles,
  entry: CodedEntry,
): Promise<ExtentView> {
  const { scheme, members } = entry.row;
  const sizes = await Promise.all(
    members.map(async (_, member) => {
      try {
        return await (await files.open(member)).size();
      } catch (thrown) {
        if (!isStoreError(thrown)) throw thrown;
        return 0;
      }
    }),
  );
  const row = { ...entry.row, length: stripedLength(scheme, sizes) };
  const open = (member: number): Promise<ReadableMember> => files.open(member);
  const shards = new Shards({ platform, code: codeOf(scheme), entry: { ...entry, row }, open });
  const others = Array.from({ length: scheme.data }, (_, member) => {
    return new ShardReader(shards, { isVerifying: false, avoided: new Set([member]) });
  });
  const direct = new ShardReader(shards, { isVerifying: false });
  return { sources: [direct, ...others], close: () => files.close() };
}

function viewOfShards(
  { platform }: ViewOptions,
  files: MemberFiles,
  entry: CodedEntry,
): ExtentView {
  const open = (member: number): Promise<ReadableMember> => files.open(member);
  const shards = new Shards({ platform, code: codeOf(entry.row.scheme), entry, open });
  const direct = new ShardReader(shards, { isVerifying: false });
  const verifying = new ShardReader(shards, { isVerifying: true });
  return { sources: [direct, verifying], close: () => files.close() };
}

/** The files of an extent's members, each opened when it is asked for. */
class MemberFiles {
  readonly #options: ViewOptions;
  readonly #entry: ExtentEntry;
  readonly #files = new Map<number, Promise<ReadableMember>>();

  constructor(options: ViewOptions, entry: ExtentEntry) {
    this.#options = options;
    this.#entry = entry;
  }

  /** StoreError, as the disk fails; `missing` where the file is not there, or not its disk. */
  open(member: number): Promise<ReadableMember> {
    const known = this.#files.get(member);
    if (known !== undefined) return known;
    const { platform, disks } = this.#options;
    const what = `extent ${this.#entry.id}, member ${member}`;
    const opened = openMember(disks, this.#entry, member);
    const opening = openTimed(platform.clock, what, opened);
    this.#files.set(member, opening);
    return opening;
  }

  async close(): Promise<void> {
    for (const opening of this.#files.values()) {
      const file = await opening.catch(() => undefined);
      await file?.close();
    }
  }
}
