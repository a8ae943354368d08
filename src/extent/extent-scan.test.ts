import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { SessionId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { blockChecksums, encodeRecordHeader, recordBytes } from "../format/record.ts";
import { createHash } from "../node/platform/hash.ts";
import { extentPath } from "./extent-files.ts";
import type { ScannedHole, ScannedRecord } from "./extent-scan.ts";
import { scanRecords } from "./extent-scan.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

const hash = createHash();

async function written(
  payloads: readonly Uint8Array[],
): Promise<{ store: TestStore; refs: ChunkRef[] }> {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const refs: ChunkRef[] = [];
  for (const [i, payload] of payloads.entries()) {
    refs.push(await writer.append(standardExtents, identityOf(i), payload));
  }
  return { store, refs };
}

function bytesOf(store: TestStore): Uint8Array {
  return store.memoryDisks[0]!.bytesOf(must(store.extentFiles()[0], "no file"));
}

async function scan(
  store: TestStore,
  { extent }: ChunkRef,
  skipPayload = false,
): Promise<(ScannedRecord | ScannedHole)[]> {
  const file = await store.memoryDisks[0]!.open(extentPath(extent), "read");
  const { platform } = store;
  const options = { platform, file, extent, from: extentHeaderBytes, skipPayload };
  return Array.fromAsync(scanRecords(options));
}

test("scan: whichever byte is damaged, all records but its own are found, with no byte unaccounted for", async () => {
  const { store, refs } = await written([1, 2, 3].map((seed) => payloadOf(40, seed)));
  const bytes = bytesOf(store);
  for (let at = extentHeaderBytes; at < bytes.length; at++) {
    bytes[at]! ^= 0x10;
    for (const skipPayload of [false, true]) {
      const found = await scan(store, refs[0]!, skipPayload);
      let end = extentHeaderBytes;
      for (const one of found) {
        assert.equal(one.offset, end, `byte ${at}`);
        end = one.end;
      }
      assert.equal(end, bytes.length);
      const damaged = refs.findLastIndex(({ offset }) => offset <= at);
      const whole = found.flatMap((one) =>
        one.kind === "record" && one.payloadError === undefined ? one.offset : [],
      );
      for (const [i, { offset }] of refs.entries()) {
        if (i !== damaged) assert.ok(whole.includes(offset), `byte ${at}, record ${i}`);
      }
    }
    bytes[at]! ^= 0x10;
  }
});

test("C5: an object with bytes that look like a record hides none behind it, its own header being damaged", async () => {
  const { store, refs } = await written([payloadOf(200), payloadOf(300), payloadOf(400)]);
  const [first] = refs;
  const bytes = bytesOf(store);
  // It claims a payload that would take it over all that follows.
  const offset = Math.ceil((first!.offset + recordBytes(5, 0) + 8) / 8) * 8;
  const claimed = payloadOf(700, 9);
  const place = { extent: first!.extent, offset, session: 7 as SessionId };
  const payload = { bytes: claimed.length, blockChecksums: blockChecksums(hash, claimed) };
  bytes.set(encodeRecordHeader(hash, identityOf(0), place, payload).bytes, offset);
  bytes[first!.offset]! ^= 1;
  for (const skipPayload of [false, true]) {
    const found = (await scan(store, first!, skipPayload)).filter(({ kind }) => kind === "record");
    const offsets = found.map((one) => one.offset);
    assert.deepEqual(offsets, [offset, refs[1]!.offset, refs[2]!.offset]);
  }
});

test("scan: a long hole is read in large pieces", async () => {
  const { store, refs } = await written([payloadOf(3_000_000), payloadOf(70_000)]);
  bytesOf(store)[refs[0]!.offset]! ^= 1;
  const before = store.memoryDisks[0]!.count("read");
  const found = await scan(store, refs[0]!, true);
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ["hole", "record"],
  );
  assert.ok(store.memoryDisks[0]!.count("read") - before < 20);
});
