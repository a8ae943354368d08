import type { ChecksumAlgorithm } from "../../format/checksum.ts";
import type { UploadId } from "../../format/ids.ts";
import type { UploadRow } from "../../format/object-row.ts";
import type { CompletePart } from "../upload/choose-parts.ts";
import { type CompleteInput, completeUpload } from "../upload/complete-upload.ts";
import { initiateUpload, findUpload, uploadPart } from "../upload/multipart.ts";
import type { ObjectStore } from "../object-store.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import type { Stored } from "../write/put.ts";
import { isRefusal, type Refusal } from "../refusal.ts";
import { always, attributes, ok, incomingOf } from "./bodies.ts";
import { key, testBucket } from "./test-store.ts";

/** One upload of key "k", as a client does it. */
export class TestUpload {
  readonly #store: ObjectStore;
  readonly id: UploadId;
  readonly address: { bucket: string; key: Uint8Array; upload: UploadId };

  /** True if the parts' checksums are to be listed. */
  readonly #checksums: boolean;

  constructor(store: ObjectStore, id: UploadId, checksums: boolean) {
    this.#store = store;
    this.id = id;
    this.#checksums = checksums;
    this.address = { bucket: testBucket, key: key("k"), upload: id };
  }

  async part(
    number: number,
    bytes: Uint8Array,
    algorithm?: ChecksumAlgorithm,
  ): Promise<Stored | Refusal> {
    const data = incomingOf(bytes, algorithm === undefined ? {} : { algorithm });
    const upload = await inNamedBucket(this.#store, findUpload, this.address);
    return isRefusal(upload) ? upload : uploadPart(this.#store, upload, { part: number, data });
  }

  /** Stores the parts and returns what to list of them. */
  async parts(
    parts: readonly (readonly [number: number, bytes: Uint8Array])[],
    algorithm?: ChecksumAlgorithm,
  ): Promise<CompletePart[]> {
    const stored = parts.map(async ([part, bytes]) => {
      const { etag, checksum } = ok(await this.part(part, bytes, algorithm));
      return { part, etag, checksum: this.#checksums ? checksum : undefined };
    });
    return Promise.all(stored);
  }

  complete(
    parts: readonly CompletePart[],
    more: Partial<Omit<CompleteInput, "bucket">> = {},
  ): Promise<Stored | Refusal> {
    return inNamedBucket(this.#store, completeUpload, {
      ...this.address,
      parts,
      condition: always,
      expectedSize: undefined,
      expectedChecksum: undefined,
      expectedType: undefined,
      ...more,
    });
  }
}

export async function startUpload(
  store: ObjectStore,
  checksum?: UploadRow["checksum"],
): Promise<TestUpload> {
  const input = { bucket: testBucket, key: key("k"), attributes, checksum };
  const { upload } = ok(await inNamedBucket(store, initiateUpload, input));
  return new TestUpload(store, upload, checksum !== undefined);
}
