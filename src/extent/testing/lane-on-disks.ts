import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import { extentBytesMax } from "../../format/limits.ts";
import type { SessionId } from "../../format/ids.ts";
import { blockChecksums, recordBytes } from "../../format/record.ts";
import { DiskError } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import { AppendLane, batchBytesMax, failRecord } from "../append/append-lane.ts";
import { ExtentLedger } from "../append/extent-ledger.ts";
import { copiesOn, openNewExtent } from "../append/open-new-extent.ts";
import { DiskHealth } from "../disk/disk-health.ts";
import type { DiskOperation } from "./memory-disk.ts";
import { identityOf, payloadOf, standardExtents, TestStore } from "./test-store.ts";

const session = 7 as SessionId; // made up

/** A lane whose extents have a member on each of the disks that can be written. */
export class LaneOnDisks {
  readonly store: TestStore;
  readonly disks: readonly DiskHealth[];
  readonly lane: AppendLane;
  readonly ledger: ExtentLedger;
  /** The chunks whose payload nobody needs any more. */
  readonly released: number[] = [];
  readonly lost: (readonly string[])[] = [];

  /** Undefined: copies. */
  readonly scheme: ShardScheme | undefined;

  private constructor(store: TestStore, scheme?: ShardScheme) {
    this.scheme = scheme;
    this.store = store;
    const { platform, disks, table } = store;
    const { log } = platform;
    this.disks = disks.disks.map(
      (place) => new DiskHealth({ place, session, reserveBytes: 0, log }),
    );
    const options = { platform, disks, table, session };
    const counts = { extentsOpened: 0, filesInTheWay: 0 };
    this.ledger = new ExtentLedger(table, platform.clock);
    this.lane = new AppendLane({
      clock: platform.clock,
      disks: () => this.disks,
      isUsable: (health) => health.isWritable,
      membersNow: () => 1,
      leftBehind: (health) => health.leaveAlone(),
      ledger: this.ledger,
      extentBytes: extentBytesMax,
      batchBytes: batchBytesMax,
      openExtent: (asked) => {
        const disks = this.disks.filter((health) => health.isWritable);
        const { scheme } = this;
        const place =
          scheme === undefined
            ? copiesOn(disks, standardExtents)
            : { extentClass: standardExtents, disks, scheme };
        return openNewExtent(options, place, this.ledger, counts, asked);
      },
      giveBack: (records, error) => {
        for (const record of records) failRecord(record, error);
      },
      fenced: () => undefined,
      appended: () => undefined,
      lost: ({ lostMembers }) => {
        const names = lostMembers.map(({ health, found }) => `${health.place.disk.name} ${found}`);
        this.lost.push(names);
      },
    });
  }

  static async create(hash: Hash, disks: number, scheme?: ShardScheme): Promise<LaneOnDisks> {
    return new LaneOnDisks(await TestStore.create(hash, disks), scheme);
  }

  append(chunk: number, payload = payloadOf(100, chunk)): Promise<ChunkRef> {
    const identity = identityOf(chunk);
    const { hash } = this.store.platform;
    return new Promise((resolve, reject) => {
      this.lane.enqueue({
        extentClass: standardExtents,
        identity,
        payload,
        blockChecksums: blockChecksums(hash, payload),
        bytes: recordBytes(identity.key.length, payload.length),
        holders: 1,
        released: () => void this.released.push(chunk),
        resolve,
        reject,
        failures: 0,
      });
    });
  }

  get rows() {
    return [...this.store.table.entries.values()].map(({ row }) => row);
  }

  /** The first extent file of each disk. */
  files(): readonly Uint8Array[] {
    return this.store.memoryDisks.map(
      (disk, index) => disk.files.get(this.store.extentFiles(index)[0]!)!, // there is one
    );
  }

  /** The noted states of the members of each extent. */
  get states() {
    return this.rows.map(({ members }) => members.map(({ state }) => state));
  }

  /**
   * Holds an operation on the newest extent file of a disk back, each time it comes, until the
   * returned function is called.
   */
  hold(disk: number, operation: DiskOperation): () => void {
    const gate = Promise.withResolvers<void>();
    const { memoryDisks } = this.store;
    const newest = this.store.extentFiles(disk).at(-1);
    memoryDisks[disk]!.before = (begun, path) =>
      begun === operation && path === newest ? gate.promise : undefined;
    return () => {
      memoryDisks[disk]!.before = () => {};
      gate.resolve();
    };
  }

  /** Has an operation on the extent files of a disk fail from now on. */
  fail(disk: number, operation: DiskOperation): void {
    this.store.memoryDisks[disk]!.before = (begun) => {
      if (begun === operation) throw new DiskError("io", "failed");
    };
  }

  get conditions(): readonly string[] {
    return this.disks.map((health) => health.state.kind);
  }
}
