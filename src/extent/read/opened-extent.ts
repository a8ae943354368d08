import type { Codes } from "../../erasure/codes.ts";
import type { MemberOnDisk } from "../../format/extent-row.ts";
import type { Platform } from "../../platform/platform.ts";
import type { ExtentDisks } from "../extent-files.ts";
import type { ReadableMember } from "../extent-member.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { openMember } from "../open-member.ts";
import type { DiskReads, DisksReads } from "./disk-reads.ts";
import { Shards } from "./shard-reader.ts";

/** How many files are open, of all extents together. */
export interface OpenFiles {
  count: number;
}

export interface OpenedExtentOptions {
  readonly platform: Pick<Platform, "hash" | "combiner">;
  readonly disks: ExtentDisks;
  readonly codes: Codes;
  readonly diskReads: DisksReads;
  readonly files: OpenFiles;
}

export interface OpenedMember extends MemberOnDisk {
  readonly reads: DiskReads;
}

/**
 * An extent as its row was when somebody began to read it, and those of its files that were asked
 * for. The row may be out of date. That does no harm: whatever a file of an older layout, or on a
 * disk that is a member's no more, gives is verified against the reference or its block table;
 * files that are open can be read after they were removed; and where one has gone before it was
 * opened, the reader reads the row again.
 */
export class OpenedExtent {
  readonly entry: ExtentEntry;
  readonly members: readonly OpenedMember[];
  /** Undefined: each member is a copy. */
  readonly shards: Shards | undefined;
  readonly #options: OpenedExtentOptions;
  readonly #files = new Map<number, Promise<ReadableMember>>();
  /** Those that are open. */
  readonly #opened = new Map<number, ReadableMember>();
  #isClosed = false;

  constructor(options: OpenedExtentOptions, entry: ExtentEntry) {
    const { platform, codes, diskReads } = options;
    const { members, scheme } = entry.row;
    this.#options = options;
    this.entry = entry;
    this.members = members.map((one) => ({ ...one, reads: diskReads.of(one.disk) }));
    if (scheme.kind === "replicated") return;
    const coded = { ...entry, row: { ...entry.row, scheme } };
    const open = (member: number) => this.file(member);
    this.shards = new Shards({ platform, code: codes.of(scheme), entry: coded, open });
  }

  /** The member's file. StoreError as the disk fails; the next call tries again. */
  file(member: number): Promise<ReadableMember> {
    const known = this.#files.get(member);
    if (known !== undefined) return known;
    const opening = openMember(this.#options.disks, this.entry, member);
    this.#files.set(member, opening);
    opening.then(
      (file) => {
        // It may have been closed meanwhile: then nobody waits for this file any more.
        if (this.#isClosed) void closeQuietly(file);
        else {
          this.#opened.set(member, file);
          this.#options.files.count++;
        }
      },
      () => this.#files.delete(member), // who asked for it gets the failure
    );
    return opening;
  }

  /** The file at once, where it is open. */
  openedFile(member: number): ReadableMember | undefined {
    return this.#opened.get(member);
  }

  /** Nobody reads from it any more. Closing a file that was only read loses nothing. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.files.count -= this.#opened.size;
    const files = [...this.#opened.values()];
    this.#opened.clear();
    await Promise.all(files.map(closeQuietly));
  }
}

async function closeQuietly(file: ReadableMember): Promise<void> {
  await file.close().catch(() => undefined);
}
