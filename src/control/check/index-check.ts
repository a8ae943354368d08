import { decodeDiskRow } from "../../format/disk-row.ts";
import { toHex } from "../../base/bytes.ts";
import { isStoreError, messageOf, type StoreError } from "../../base/errors.ts";
import { readRow, type Row } from "../../engine/engine.ts";
import { scanPages } from "../../engine/scan-pages.ts";
import type { ExtentReader } from "../../extent/extent-reader.ts";
import {
  decodeAccessKeyRow,
  decodeActivityRow,
  decodeCounterRow,
  decodeLeaseRow,
  decodeOwnerRow,
  decodePartitionRow,
  decodeSessionRow,
  decodeStoreRow,
} from "../../format/system-rows.ts";
import {
  decodeBucketConfigurationRow,
  decodeBucketFenceRow,
  decodeBucketRow,
} from "../../format/bucket-row.ts";
import { decodeExtentRow, decodeShortExtentRow } from "../../format/extent-row.ts";
import { decodeLogQuorumRow } from "../../format/log-quorum-row.ts";
import { decodeRestoreWindowRow } from "../../format/restore-window-row.ts";
import { decodeIndexScrubRow } from "../../format/index-scrub-row.ts";
import { decodeScrubRow } from "../../format/scrub-row.ts";
import { decodeWorkOrder } from "../../format/work-order.ts";

import { decodeGarbageBatchRow, decodeGarbageRow } from "../../format/garbage-row.ts";
import type { BucketId } from "../../format/ids.ts";
import {
  bucketFenceKey,
  counterKey,
  idOfKey,
  parseBucketConfigurationKey,
  parseChosenSchemeKey,
  parseWorkOrderKey,
  type Space,
  space,
  spaceRange,
} from "../../format/row-keys.ts";
import { decodeChosenSchemeRow } from "../../format/scheme-row.ts";
import type { Keymap, Partition } from "../../keymap/keymap.ts";
import type { Manifests } from "../extents/manifests.ts";
import { ObjectRowCheck } from "./object-row-check.ts";
import type { CheckNotes } from "./report.ts";

export interface IndexCheckOptions {
  readonly keymap: Keymap;
  readonly reader: ExtentReader;
  readonly manifests: Manifests;
  readonly notes: CheckNotes;
  readonly signal: AbortSignal;
  /** Called after every thousand rows. */
  progress(): void;
}

type RowCheck = (row: Row) => void | Promise<void>;

/** @limit Rows read at once: 1 MiB where each is large (2 KiB of metadata). */
const rowsAtOnce = 500;
/** Rows between two reports of progress. */
const rowsPerProgress = 1000;

/** Checks every row of every space: it decodes, and what it refers to is there. */
export class IndexCheck {
  readonly #options: IndexCheckOptions;
  readonly #system: Partition;

  constructor(options: IndexCheckOptions) {
    this.#options = options;
    this.#system = options.keymap.system;
  }

  async run(): Promise<void> {
    await this.#checkSpaces(this.#system, 0x00, 0x20, this.#systemChecks());
    for (const partition of this.#options.keymap.partitions) {
      await this.#checkSpaces(partition, 0x20, 0xff, this.#partitionChecks(partition));
    }
  }

  /** Checks one space after the other, unknown ones as well. */
  async #checkSpaces(
    partition: Partition,
    from: number,
    to: number,
    checks: ReadonlyMap<Space, RowCheck>,
  ): Promise<void> {
    const { notes } = this.#options;
    const what = "a row of a kind that this software does not know";
    const onDamaged = (thrown: StoreError): void =>
      notes.problem("corrupt", `a row of partition ${partition.id}`, thrown.message);
    for (let spaceByte = from; spaceByte < to; spaceByte++) {
      const known = checks.get(spaceByte as Space); // undefined where it is none
      const check =
        known ?? ((row: Row) => notes.problem("unknown", whereOf(partition, row), what));
      const range = spaceRange(spaceByte as Space); // any byte makes a range
      for await (const rows of scanPages(partition, range, rowsAtOnce, onDamaged)) {
        for (const row of rows) await this.#checkRow(partition, row, check);
      }
    }
  }

  /**
   * On a store that is being written a row may change under us: it is judged only if it is still
   * what it was.
   */
  async #checkRow(partition: Partition, row: Row, check: RowCheck): Promise<void> {
    const { notes, signal } = this.#options;
    signal.throwIfAborted();
    if (++notes.counts.rows % rowsPerProgress === 0) this.#options.progress();
    try {
      await check(row);
    } catch (thrown) {
      if (!isStoreError(thrown)) throw thrown;
      const now = await readRow(partition, row.key);
      if (now?.stamp !== row.stamp) return;
      const kind = thrown.code === "missing" ? "missing" : "corrupt";
      notes.problem(kind, whereOf(partition, row), messageOf(thrown));
    }
  }

  #systemChecks(): ReadonlyMap<Space, RowCheck> {
    const { counts } = this.#options.notes;
    return new Map<Space, RowCheck>([
      [space.store, (row) => void decodeStoreRow(row.value)],
      [space.counters, (row) => void decodeCounterRow(row.value)],
      [space.leases, (row) => void decodeLeaseRow(row.value)],
      [
        space.buckets,
        (row) => {
          counts.buckets++;
          return this.#checkBucket(row);
        },
      ],
      [space.bucketConfigurations, (row) => this.#checkConfiguration(row)],
      [space.chosenSchemes, (row) => this.#checkChosenScheme(row)],
      [
        space.extents,
        async (row) => {
          decodeExtentRow(row.value);
          await this.#checkCounted(row, "extents", idOfKey(row.key));
        },
      ],
      [space.partitions, (row) => void decodePartitionRow(row.value)],
      [space.activity, (row) => void decodeActivityRow(row.value)],
      [space.drains, (row) => void decodeCounterRow(row.value)],
      [space.disks, (row) => void decodeDiskRow(row.value)],
      [space.accessKeys, (row) => void decodeAccessKeyRow(row.value)],
      [space.restoreWindow, (row) => void decodeRestoreWindowRow(row.value)],
      [space.scrubs, (row) => void decodeScrubRow(row.value)],
      [space.indexScrub, (row) => void decodeIndexScrubRow(row.value)],
      [space.logQuorum, (row) => void decodeLogQuorumRow(row.value)],
      [
        space.workOrders,
        (row) => {
          parseWorkOrderKey(row.key);
          decodeWorkOrder(row.value);
        },
      ],
      [space.shortExtents, (row) => void decodeShortExtentRow(row.value)],
      [space.owners, (row) => this.#checkOwner(row)],
    ]);
  }

  #partitionChecks(partition: Partition): ReadonlyMap<Space, RowCheck> {
    const { notes, reader, manifests } = this.#options;
    const objects = new ObjectRowCheck({ partition, notes, reader });
    return new Map<Space, RowCheck>([
      [space.partitionSelf, (row) => void decodePartitionRow(row.value)],
      [space.sessions, (row) => void decodeSessionRow(row.value)],
      [space.bucketFences, (row) => void decodeBucketFenceRow(row.value)],
      [space.garbageBatches, (row) => void decodeGarbageBatchRow(row.value)],
      [space.heads, (row) => objects.head(row)],
      [space.versions, (row) => objects.version(row)],
      [space.uploads, (row) => objects.upload(row)],
      [space.parts, (row) => objects.part(row)],
      [
        space.garbage,
        async (row) => {
          notes.counts.garbageRows++;
          // A manifest that cannot be read cannot be counted, and so its data is not reclaimed.
          for (const location of decodeGarbageRow(row.value).locations) {
            if (location.kind === "manifest") await manifests.readAll(location);
          }
        },
      ],
    ]);
  }

  #checkConfiguration(row: Row): Promise<void> {
    decodeBucketConfigurationRow(row.value);
    const { bucket, name } = parseBucketConfigurationKey(row.key);
    return this.#checkOfBucket(row, bucket, name);
  }

  async #checkChosenScheme(row: Row): Promise<void> {
    decodeChosenSchemeRow(row.value);
    const { bucket, storageClass } = parseChosenSchemeKey(row.key);
    if (bucket === undefined) return;
    await this.#checkOfBucket(row, bucket, `scheme chosen for ${storageClass}`);
  }

  /** What stands under a bucket's id goes with the bucket's row, before the fences do. */
  async #checkOfBucket(row: Row, bucket: BucketId, name: string): Promise<void> {
    for (const partition of this.#options.keymap.partitionsOf(bucket)) {
      if ((await readRow(partition, bucketFenceKey(bucket))) !== undefined) continue;
      if ((await readRow(this.#system, row.key)) === undefined) return;
      const message = `${name} of a bucket that is not there`;
      this.#options.notes.problem("dangling", whereOf(this.#system, row), message);
    }
  }

  async #checkOwner(row: Row): Promise<void> {
    const { account } = decodeOwnerRow(row.value);
    await this.#checkCounted(row, "accounts", Number(account));
  }

  async #checkBucket(row: Row): Promise<void> {
    const { keymap, notes } = this.#options;
    const { id } = decodeBucketRow(row.value);
    await this.#checkCounted(row, "buckets", id);
    for (const partition of keymap.partitionsOf(id)) {
      if ((await readRow(partition, bucketFenceKey(id))) !== undefined) continue;
      if ((await readRow(this.#system, row.key)) === undefined) return;
      const message = `no fence in partition ${partition.id}`;
      notes.problem("dangling", whereOf(this.#system, row), message);
    }
  }

  /** An id above its counter would be given again. */
  async #checkCounted(row: Row, name: string, id: number | BucketId): Promise<void> {
    const counter = await readRow(this.#system, counterKey(name));
    const value = counter === undefined ? 0 : decodeCounterRow(counter.value).value;
    if (id <= value) return;
    const message = `id ${id} was never given: the counter of ${name} is at ${value}`;
    this.#options.notes.problem("inconsistent", whereOf(this.#system, row), message);
  }
}

function whereOf(partition: Partition, row: Row): string {
  return `row ${toHex(row.key)} of partition ${partition.id}`;
}
