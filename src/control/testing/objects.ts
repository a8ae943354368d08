import { BlobWriter } from "../../object/blob-writer.ts";
import { createBucket, getBucket, setVersioning } from "../../object/bucket/buckets.ts";
import { makeObject } from "../../object/write/put.ts";
import { planVersion } from "../../rows/version-changes.ts";
import { commitPlan, releasing } from "../../rows/commit.ts";
import { deleteObject } from "../../object/write/delete.ts";
import { getObject } from "../../object/read/get.ts";
import { listVersions } from "../../object/list/list-versions.ts";
import { abortUpload, initiateUpload } from "../../object/upload/multipart.ts";
import { isRefusal, type Refusal } from "../../object/refusal.ts";
import { type Target, targetIn } from "../../object/target.ts";
import { planUploadEnd, readAllParts, readUpload } from "../../rows/uploads.ts";
import { parseVersionId, versionIdOf, type VersionRef } from "../../format/version-id.ts";
import { readHead } from "../../rows/versions.ts";
import { must } from "../../base/assert.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { BucketFenceRow } from "../../format/bucket-row.ts";
import type { UploadId } from "../../format/ids.ts";
import { encodePartRow, type ObjectAttributes, partSetOf } from "../../format/object-row.ts";
import { partKey } from "../../format/row-keys.ts";
import { inNamedBucket } from "../../object/bucket/in-named-bucket.ts";
import type { TestProcess } from "./processes.ts";

/*
 * Objects written as the object layer writes them, except that a chunk may be as small as a test
 * likes: with chunks of a few bytes, manifests and extents with many records cost nothing.
 */

const bucketName = "bucket";
const attributes: ObjectAttributes = {
  headers: [],
  metadata: [],
  tags: [],
  owner: "owner",
  account: "account",
  storageClass: "STANDARD",
  encryption: undefined,
  lock: undefined,
};
const standardExtents = { storageClass: "STANDARD", bucketScheme: undefined };
const always = { kind: "always" } as const;

export async function makeBucket(process: TestProcess): Promise<void> {
  const owner = { owner: "owner", account: "account", region: process.region };
  ok(await createBucket(process, { name: bucketName, ...owner }));
}

/** Chunks as text; the object is their concatenation. */
export async function putChunks(
  process: TestProcess,
  name: string,
  chunks: readonly string[],
): Promise<void> {
  const target = await targetOf(process, name);
  const stored = await writeChunks(process, target, chunks, undefined, 0);
  await releasing(process, stored.appended, async () => {
    const rest = { md5: new Uint8Array(16), partCount: 0, checksum: undefined };
    const { blob, data, size } = stored;
    const next = { ...rest, attributes, blob, data, size, upload: undefined };
    return ok(await makeObject(process, target, always, next)).row;
  });
}

/**
 * Written and synced, but its row never comes: as after a hang-up or a failed condition, or a crash
 * if not released.
 */
export async function leaveChunks(
  process: TestProcess,
  name: string,
  chunks: readonly string[],
): Promise<void> {
  const { appended } = await writeChunks(
    process,
    await targetOf(process, name),
    chunks,
    undefined,
    0,
  );
  process.writer.release(appended);
}

/** Deletes the key, or the `version` of it that is named. */
export async function remove(
  process: TestProcess,
  name: string,
  version?: VersionRef,
): Promise<void> {
  const address = { bucket: bucketName, key: encodeUtf8(name), version };
  ok(await inNamedBucket(process, deleteObject, { ...address, condition: always }));
}

export async function useVersions(
  process: TestProcess,
  state: "enabled" | "suspended" = "enabled",
): Promise<void> {
  ok(await setVersioning(process, bucketName, state));
}

/** All versions, the newest of each key first. */
export async function versionsIn(
  process: TestProcess,
): Promise<{ name: string; ref: VersionRef; isMarker: boolean }[]> {
  const all = { bucket: bucketName, prefix: encodeUtf8(""), delimiter: undefined };
  const { items } = ok(
    await inNamedBucket(process, listVersions, { ...all, after: undefined, limit: 1000 }),
  );
  return items.flatMap((item) => {
    if (item.kind === "prefix") return [];
    const ref = must(parseVersionId(versionIdOf(item.row)), "an id of ours");
    const isMarker = item.row.kind === "deleteMarker";
    return [{ name: decodeUtf8(item.key), ref, isMarker }];
  });
}

export async function beginUpload(process: TestProcess, name: string): Promise<UploadId> {
  const address = { bucket: bucketName, key: encodeUtf8(name) };
  return ok(
    await inNamedBucket(process, initiateUpload, { ...address, attributes, checksum: undefined }),
  ).upload;
}

export async function putPart(
  process: TestProcess,
  name: string,
  upload: UploadId,
  part: number,
  chunks: readonly string[],
): Promise<void> {
  const target = await targetOf(process, name);
  const stored = await writeChunks(process, target, chunks, upload, part);
  const { blob, data, size } = stored;
  const md5 = new Uint8Array(16);
  const value = encodePartRow({ blob, data, size, md5, checksum: undefined, modifiedMs: 0 });
  await releasing(process, stored.appended, async () => {
    const plan = async () => {
      const found = await readUpload(target, upload);
      if (found === undefined) throw new Error("no such upload");
      const before = (await readAllParts(target, upload)).find((one) => one.part === part);
      const { key, stamp } = found.stored;
      const rowKey = partKey(target.bucket.id, target.key, upload, part);
      return {
        checks: [
          { key, expect: stamp },
          { key: rowKey, expect: before?.stamp ?? ("absent" as const) },
        ],
        puts: [
          { key: rowKey, value },
          { key, value: found.stored.value },
        ],
        deletes: [],
        freed: before === undefined ? [] : [before.data],
        result: {},
      };
    };
    return ok(await commitPlan(process, target, plan));
  });
}

export async function complete(
  process: TestProcess,
  name: string,
  upload: UploadId,
): Promise<void> {
  const target = await targetOf(process, name);
  const plan = async (fence: BucketFenceRow) => {
    const head = await readHead(target);
    const found = await readUpload(target, upload);
    if (found === undefined) throw new Error("no such upload");
    const parts = await readAllParts(target, upload);
    const blob = process.keymap.session.nextBlobId();
    const identity = { bucket: target.bucket.id, key: target.key, blob, upload, part: 0 };
    const writer = new BlobWriter(process.writer, standardExtents, identity);
    const listed = parts.map(({ part, ...row }) => ({ number: part, ...row }));
    const data = await writer.writeManifest({ kind: "root", parts: listed });
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    const rest = { md5: new Uint8Array(16), partCount: parts.length, checksum: undefined };
    const kind = "object" as const;
    const next = { ...rest, kind, attributes, blob, data, size, upload };
    const made = await planVersion(process, target, { head, fence }, next);
    const numbers = parts.map(({ part }) => part);
    const ending = planUploadEnd(found, parts, partSetOf(numbers), process.partsPerCommit);
    return {
      ...made,
      checks: [...made.checks, ...ending.checks],
      puts: [...made.puts, ...ending.puts],
      deletes: [...made.deletes, ...ending.deletes],
      freed: [...made.freed, ...ending.freed],
      appended: writer.appended,
    };
  };
  ok(await commitPlan(process, target, plan));
}

export async function abort(process: TestProcess, name: string, upload: UploadId): Promise<void> {
  ok(
    await inNamedBucket(process, abortUpload, {
      bucket: bucketName,
      key: encodeUtf8(name),
      upload,
    }),
  );
}

/** The object's bytes as text; undefined where there is none. */
export async function read(
  process: TestProcess,
  name: string,
  version?: VersionRef,
): Promise<string | undefined> {
  const key = encodeUtf8(name);
  const found = await inNamedBucket(process, getObject, {
    bucket: bucketName,
    key,
    version,
    conditions: {},
  });
  if (isRefusal(found)) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const bytes of found.body) pieces.push(bytes.slice()); // a piece lasts until the next
  return new TextDecoder().decode(concatBytes(pieces));
}

async function targetOf(process: TestProcess, name: string): Promise<Target> {
  return targetIn(process, ok(await getBucket(process, bucketName)), encodeUtf8(name));
}

async function writeChunks(
  process: TestProcess,
  target: Target,
  chunks: readonly string[],
  upload: UploadId | undefined,
  part: number,
) {
  const blob = process.keymap.session.nextBlobId();
  const identity = { bucket: target.bucket.id, key: target.key, blob, upload, part };
  const writer = new BlobWriter(process.writer, standardExtents, identity);
  for (const chunk of chunks) await writer.append(encodeUtf8(chunk));
  const data = await writer.finish();
  const size = chunks.reduce((sum, chunk) => sum + encodeUtf8(chunk).length, 0);
  return { blob, data, size, appended: writer.appended };
}

function ok<T extends object>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`refused: ${value.refusal}`);
  return value;
}
