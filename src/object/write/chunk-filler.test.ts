import assert from "node:assert/strict";
import { test } from "node:test";
import { standardExtents } from "../../extent/testing/test-store.ts";
import { noBytes } from "../../base/bytes.ts";
import { StoreError } from "../../base/errors.ts";
import { settle } from "../../extent/testing/manual-clock.ts";
import type { BlobId, BucketId } from "../../format/ids.ts";
import { chunkBytesMax } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import type { BlobIdentity } from "../blob-writer.ts";
import { BlobWriter } from "../blob-writer.ts";
import { always, attributes, inPieces, patterned, incomingOf } from "../testing/bodies.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { ChunkFiller } from "./chunk-filler.ts";
import { putObject } from "./put.ts";

const hash = createHash();
const whole = patterned(2 * chunkBytesMax + 7);

function identityOf(blob: BlobId): BlobIdentity {
  const bucket = 1 as BucketId; // made up
  return { bucket, key: key("k"), blob, upload: undefined, part: 0 };
}

test("chunk filler: full chunks and a last one, whatever the pieces", async () => {
  const store = await createTestStore(hash);
  for (const length of [0, 1, chunkBytesMax, chunkBytesMax + 1, whole.length]) {
    for (const pieceBytes of [65_537, chunkBytesMax, whole.length]) {
      const bytes = whole.subarray(0, length);
      const chunks: Buffer[] = [];
      const writer = new BlobWriter(
        store.writer,
        standardExtents,
        identityOf(store.keymap.session.nextBlobId()),
      );
      const append = writer.append.bind(writer);
      writer.append = (chunk, use) => {
        chunks.push(Buffer.from(chunk)); // a copy: its memory is used again
        return append(chunk, use);
      };
      const filler = new ChunkFiller(store, length, ["md5"], writer);
      for (let at = 0; at < length; at += pieceBytes) {
        let rest = bytes.subarray(at, at + pieceBytes);
        while (rest.length > 0) {
          await filler.makeSpace(rest.length);
          rest = rest.subarray(filler.fill(rest));
          if (filler.isFull) await filler.append();
        }
      }
      await filler.finish();
      await writer.finish();
      const digests = await filler.digests();
      filler.close();
      assert.equal(Buffer.compare(Buffer.concat(chunks), bytes), 0);
      assert.equal(chunks.length, Math.ceil(length / chunkBytesMax));
      assert.ok(chunks.slice(0, -1).every((chunk) => chunk.length === chunkBytesMax));
      assert.deepEqual(digests.get("md5"), hash.digest("md5", bytes));
    }
  }
});

test("C6: chunk filler: a little of much that was announced takes little memory", async () => {
  const store = await createTestStore(hash);
  let taken = 0;
  for (const pool of store.buffers.chunkBuffers) {
    const take = pool.take.bind(pool);
    pool.take = () => {
      taken++;
      return take();
    };
  }
  const leave = Promise.withResolvers<never>();
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield whole.subarray(0, 10);
    await leave.promise;
  };
  const incoming = { ...incomingOf(noBytes), body: inPieces(body()), sizeBytes: whole.length };
  const input = { bucket: testBucket, key: key("k"), attributes, condition: always, incoming };
  const put = inNamedBucket(store, putObject, input);
  await settle();
  assert.deepEqual([taken, store.bodies.used], [0, 0]);
  leave.reject(new StoreError("cancelled", "the client left"));
  await assert.rejects(put, { code: "cancelled" });
});
