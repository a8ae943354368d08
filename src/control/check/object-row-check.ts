import { decodeUtf8 } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import type { Row } from "../../engine/engine.ts";
import type { ExtentReader } from "../../extent/extent-reader.ts";
import type { BucketId } from "../../format/ids.ts";
import type { ObjectRow } from "../../format/object-row.ts";
import { decodeObjectRow, decodePartRow, decodeUploadRow } from "../../format/object-row.ts";
import {
  bucketFenceKey,
  headKey,
  parseHeadKey,
  parsePartKey,
  parseRoutedKey,
  space,
  uploadKey,
  versionKey,
  versionOrderOf,
} from "../../format/row-keys.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { isLeftOver } from "../../rows/uploads.ts";
import { checkData } from "./data-check.ts";
import type { CheckNotes, ProblemKind } from "./report.ts";
import { readRow } from "../../engine/engine.ts";

export interface ObjectRowCheckOptions {
  readonly partition: Partition;
  readonly notes: CheckNotes;
  readonly reader: ExtentReader;
}

/**
 * Objects, versions, uploads and parts of one partition. Throws StoreError where data is missing or
 * does not fit.
 */
export class ObjectRowCheck {
  readonly #options: ObjectRowCheckOptions;
  /** The bucket of the row before, known to have a fence. */
  #bucket: BucketId | undefined;

  constructor(options: ObjectRowCheckOptions) {
    this.#options = options;
  }

  async head(row: Row): Promise<void> {
    const { counts } = this.#options.notes;
    const object = decodeObjectRow(row.value);
    if (object.kind === "object") counts.objects++;
    else counts.deleteMarkers++;
    const { bucket, key } = parseHeadKey(row.key);
    await this.#checkNullOrder(row, bucket, key, object);
    await this.#checkObject(row, bucket, key, object);
  }

  async version(row: Row): Promise<void> {
    const { partition, notes } = this.#options;
    notes.counts.versions++;
    const object = decodeObjectRow(row.value);
    const { bucket, key, rest } = parseRoutedKey(row.key);
    if (versionOrderOf(rest) !== object.order) {
      await this.#problem("inconsistent", row, "a version stands under another order than its own");
    }
    await this.#checkOlder(row, await readRow(partition, headKey(bucket, key)), object);
    await this.#checkObject(row, bucket, key, object);
  }

  /** The head was read after the row: if that is still there, they were at the same moment. */
  async #checkOlder(row: Row, stored: Row | undefined, object: ObjectRow): Promise<void> {
    if (stored === undefined) {
      return this.#problem("dangling", row, "a version of a key without head");
    }
    const head = decodeObjectRow(stored.value);
    if (head.order <= object.order) {
      await this.#problem("inconsistent", row, "a version is newer than the head of its key");
    }
    if (object.nullVersion && head.nullOrder !== object.order) {
      const message = "the head of its key does not know of a null version";
      await this.#problem("inconsistent", row, message);
    }
    if (object.nullOrder !== undefined) {
      await this.#problem("inconsistent", row, "an older version says where the null version is");
    }
  }

  /** Where the head says that the null version is. */
  async #checkNullOrder(
    row: Row,
    bucket: BucketId,
    key: Uint8Array,
    { nullVersion, nullOrder }: ObjectRow,
  ): Promise<void> {
    if (nullOrder === undefined) return;
    const older = await readRow(this.#options.partition, versionKey(bucket, key, nullOrder));
    if (!nullVersion && older !== undefined && decodeObjectRow(older.value).nullVersion) return;
    await this.#problem("inconsistent", row, "a head says where a null version is, and it is not");
  }

  async upload(row: Row): Promise<void> {
    this.#options.notes.counts.uploads++;
    decodeUploadRow(row.value);
    await this.#checkBucket(row, parseRoutedKey(row.key).bucket);
  }

  async part(row: Row): Promise<void> {
    const { partition, notes, reader } = this.#options;
    const part = decodePartRow(row.value);
    notes.counts.parts++;
    notes.counts.objectBytes += part.size;
    const { bucket, key, upload, part: number } = parsePartKey(row.key);
    const whole = await readRow(partition, uploadKey(bucket, key, upload));
    if (whole === undefined) {
      await this.#problem("dangling", row, `part ${number} of an upload that is not there`);
    } else if (isLeftOver(decodeUploadRow(whole.value), number)) {
      // The row is left over: its data is an object's, which may have been deleted since.
      return;
    }
    const owner = { bucket, key, blob: part.blob, upload, part: number };
    assertSize(await checkData(reader, owner, part.data), part.size);
  }

  async #checkObject(
    row: Row,
    bucket: BucketId,
    key: Uint8Array,
    { blob, upload, data, size }: ObjectRow,
  ): Promise<void> {
    const { notes, reader } = this.#options;
    notes.counts.objectBytes += size;
    await this.#checkBucket(row, bucket);
    assertSize(await checkData(reader, { bucket, key, blob, upload, part: 0 }, data), size);
  }

  async #checkBucket(row: Row, bucket: BucketId): Promise<void> {
    if (bucket === this.#bucket) return;
    const fence = await readRow(this.#options.partition, bucketFenceKey(bucket));
    if (fence === undefined) await this.#problem("dangling", row, `no bucket ${bucket}`);
    else this.#bucket = bucket;
  }

  /** Notes a problem only if the row is still there: others may be at work. */
  async #problem(kind: ProblemKind, row: Row, message: string): Promise<void> {
    const { partition, notes } = this.#options;
    const now = await readRow(partition, row.key);
    if (now?.stamp === row.stamp) notes.problem(kind, nameOf(row.key), message);
  }
}

function nameOf(rowKey: Uint8Array): string {
  const isHead = rowKey[0] === space.heads;
  const { bucket, key } = isHead ? parseHeadKey(rowKey) : parseRoutedKey(rowKey);
  return `bucket ${bucket}, key ${decodeUtf8(key)}`;
}

function assertSize(found: number, size: number): void {
  if (found !== size) throw new StoreError("corrupt", `${found} bytes of data instead of ${size}`);
}
