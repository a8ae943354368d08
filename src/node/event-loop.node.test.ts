import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { encodeUtf8, toBase64 } from "../base/bytes.ts";
import { LoopShare } from "../base/loop-share.ts";
import { MemoryDisk } from "../extent/testing/memory-disk.ts";
import { encodeObjectRow } from "../format/object-row.ts";
import type { ObjectRow } from "../format/object-row.ts";
import type { BlobId } from "../format/ids.ts";
import { headKey } from "../format/row-keys.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createBucket, getBucket } from "../object/buckets.ts";
import { openTestStore, testBucket, testOwner } from "../object/testing/test-store.ts";
import type { TestStore } from "../object/testing/test-store.ts";
import { isRefusal } from "../object/refusal.ts";
import { createTestS3 } from "../s3/testing/test-s3.ts";
import type { TestRequest, TestS3 } from "../s3/testing/test-s3.ts";
import { createHash } from "./hash.ts";
import { longestHoldMs } from "./testing/loop-meter.ts";
import { Scratch } from "./testing/served-store.ts";
import { openTestIndex } from "./testing/test-index.ts";

/*
 * Nothing holds the event loop for long, and with it every other client. What is long is measured against a page of 1,000
 * keys, in the same run: the most that anything may do at a stretch, some 6 ms where a front end has a core for itself.
 */

/** The most that is allowed: a few times that, since garbage is collected at any moment. Without turns a LIST over 100,000 delete markers held it for 68. */
const pagesMax = 5;
const headsPerCommit = 1000;

interface Served extends AsyncDisposable {
  readonly s3: TestS3;
  readonly store: TestStore;
}

async function serve(): Promise<Served> {
  const scratch = new Scratch();
  const hash = createHash();
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const loop = new LoopShare(turn);
  const engine = await openTestIndex(join(scratch.path, "index"), { loop });
  const platform = createTestPlatform(hash);
  const clock = { ...platform.clock, turn };
  const machine = { engine, disk: new MemoryDisk(), platform: { ...platform, clock, loop } };
  const store = await openTestStore(machine);
  await createBucket(store, { name: testBucket, ...testOwner, region: store.region });
  const s3 = await createTestS3(hash, { objects: store });
  return {
    s3,
    store,
    async [Symbol.asyncDispose]() {
      await engine.close();
      scratch[Symbol.dispose]();
    },
  };
}

/** Puts a head for each key, as if it had been written long ago. */
async function putHeads(store: TestStore, keys: readonly string[], row: ObjectRow): Promise<void> {
  const bucket = await getBucket(store, testBucket);
  assert.ok(!isRefusal(bucket));
  const partition = must(store.keymap.partitionsOf(bucket.id)[0], "a partition");
  const value = encodeObjectRow(row);
  for (let at = 0; at < keys.length; at += headsPerCommit) {
    const some = keys.slice(at, at + headsPerCommit);
    await partition.commit({
      id: store.keymap.session.nextChangeId(),
      checks: [],
      puts: some.map((key) => ({ key: headKey(bucket.id, encodeUtf8(key)), value })),
      deletes: [],
    });
  }
}

const attributes = {
  headers: [],
  metadata: [],
  tags: [],
  owner: "owner",
  account: "account",
  storageClass: "STANDARD",
  encryption: undefined,
  lock: undefined,
};

function row(kind: ObjectRow["kind"]): ObjectRow {
  return {
    kind,
    order: 1_700_000_000_000 * 1024,
    nullVersion: true,
    nullOrder: undefined,
    modifiedMs: 1_700_000_000_000,
    size: 0,
    md5: new Uint8Array(16),
    partCount: 0,
    checksum: undefined,
    attributes,
    blob: "0".repeat(32) as BlobId, // made up
    upload: undefined,
    data: { kind: "empty" },
  };
}

const keysUnder = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}/${String(index).padStart(8, "0")}`);

/** For how long these requests, sent at once, hold the loop at a stretch, in pages. */
async function pagesHeld(s3: TestS3, ...requests: readonly TestRequest[]): Promise<number> {
  const send = async (one: TestRequest): Promise<void> => {
    const { status, text } = await s3.send({ ...one, ...arriving(one.body) });
    assert.ok(status === 200 || text.includes("<Code>NoSuchUpload</Code>"), text);
  };
  const page = { method: "GET", target: `/${testBucket}?prefix=page/` };
  await send(page);
  const pageMs = await longestHoldMs(() => send(page));
  return (await longestHoldMs(() => Promise.all(requests.map(send)))) / pageMs;
}

/** A body as it comes from a socket: by pieces, and not signed, as the client's work is none of the server's. */
function arriving(body: TestRequest["body"]): Partial<TestRequest> {
  if (!(body instanceof Uint8Array)) return {};
  async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) {
      await new Promise((resolve) => void setImmediate(resolve));
      yield bytes.subarray(at, at + 65_536);
    }
  }
  return { stream: stream(body), contentSha256: "UNSIGNED-PAYLOAD" };
}

const list = (query: string): TestRequest => ({
  method: "GET",
  target: `/${testBucket}?${query}`,
});

test("C6: listings over 30,000 rows that do not show, one or many at once, let others go on", async () => {
  await using served = await serve();
  const { s3, store } = served;
  await putHeads(store, keysUnder("page", 1000), row("object"));
  await putHeads(store, keysUnder("marker", 30_000), row("deleteMarker"));
  for (const requests of [
    [list("prefix=marker/")],
    [list("list-type=2&prefix=marker/&delimiter=/")],
    Array.from({ length: 12 }, () => list("prefix=page/")),
    Array.from({ length: 4 }, () => list("versions&prefix=marker/&max-keys=1000")),
  ]) {
    const held = await pagesHeld(s3, ...requests);
    const { length, 0: first } = requests;
    assert.ok(
      held <= pagesMax,
      `${length} of ${first?.target} held the loop as long as ${held} pages`,
    );
  }
});

test("C6: reading a list of 10,000 parts or 1,000 keys lets others go on", async () => {
  await using served = await serve();
  const { s3, store } = served;
  await putHeads(store, keysUnder("page", 1000), row("object"));
  const parts = Array.from({ length: 10_000 }, (_, index) => {
    const checksum = `<ChecksumSHA256>${"A".repeat(43)}=</ChecksumSHA256>`;
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>"${"ab".repeat(16)}"</ETag>${checksum}</Part>`;
  });
  const complete = {
    method: "POST",
    target: `/${testBucket}/key?uploadId=${"0".repeat(32)}`,
    body: encodeUtf8(`<CompleteMultipartUpload>${parts.join("\n")}</CompleteMultipartUpload>`),
  };
  const keys = keysUnder("k".repeat(1000), 1000).map((key) => `<Object><Key>${key}</Key></Object>`);
  const body = encodeUtf8(`<Delete>${keys.join("")}</Delete>`);
  const headers = [["content-md5", toBase64(createHash().digest("md5", body))]] as const;
  const remove = { method: "POST", target: `/${testBucket}?delete`, body, headers };
  for (const requests of [[complete], [remove]]) {
    const held = await pagesHeld(s3, ...requests);
    const { length, 0: first } = requests;
    assert.ok(held <= pagesMax, `${length} of ${first?.target} held it as long as ${held} pages`);
  }
});
