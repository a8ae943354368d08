// Processor time of listings and of DeleteObjects at the handler: no socket, but the real index, in
// this process alone. Usage: node tools/run.js tools/bench/handler-list.ts [KEYS] [ROUNDS]
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { must } from "../../src/base/assert.ts";
import { encodeUtf8, fromHex, noBytes } from "../../src/base/bytes.ts";
import { LoopShare } from "../../src/base/loop-share.ts";
import { MemoryDisk } from "../../src/extent/testing/memory-disk.ts";
import type { BlobId, BucketId, ExtentId } from "../../src/format/ids.ts";
import { idOfText } from "../../src/format/ids.ts";
import { encodeObjectRow } from "../../src/format/object-row.ts";
import { headKey, versionKey } from "../../src/format/row-keys.ts";
import { createTestPlatform } from "../../src/keymap/testing/test-platform.ts";
import { createHash } from "../../src/node/platform/hash.ts";
import { openTestIndex } from "../../src/node/testing/test-index.ts";
import { createBucket, getBucket } from "../../src/object/bucket/buckets.ts";
import { isRefusal } from "../../src/object/refusal.ts";
import { openTestStore, testOwner } from "../../src/object/testing/test-store.ts";
import { createTestS3, type TestRequest } from "../../src/s3/testing/test-s3.ts";

const [keys = "10000", rounds = "5"] = process.argv.slice(2);
const keyCount = Number(keys);
const rowsPerCommit = 1000;
const deletedKeys = 1000;
const warmUpPages = 30;
const pagesPerRound = 40;
const deletesPerRound = 4;

const path = mkdtempSync(join(tmpdir(), "holdfast-handler-"));
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const loop = new LoopShare(turn);
const hash = createHash();
const engine = await openTestIndex(join(path, "index"), { loop });
const platform = createTestPlatform(hash);
const machine = {
  engine,
  disk: new MemoryDisk(),
  platform: { ...platform, clock: { ...platform.clock, turn }, loop },
};
const store = await openTestStore(machine);
const s3 = await createTestS3(hash, { objects: store });

try {
  await run();
} finally {
  await engine.close();
  rmSync(path, { recursive: true });
}

async function run(): Promise<void> {
  const began = performance.now();
  await fill("flat", (index) => [`${pad(index >> 10, 6)}/photo ${pad(index, 10)}.jpeg`]);
  await fill("versions", (index) => [`${pad(index, 10)}.jpeg`, 3], Math.min(keyCount, 10_000));
  console.error(`filled in ${Math.round(performance.now() - began)} ms`);
  const middle = encodeURIComponent(`${pad(keyCount >> 11, 6)}/`);
  const pages: readonly [string, TestRequest][] = [
    ["v1", get(`/flat?marker=${middle}`)],
    ["v2", get(`/flat?list-type=2&start-after=${middle}`)],
    ["v2 url", get(`/flat?list-type=2&encoding-type=url&start-after=${middle}`)],
    ["v2 delimiter", get(`/flat?list-type=2&delimiter=%2F&prefix=${middle}`)],
    ["v2 prefixes", get(`/flat?list-type=2&delimiter=%2F`)],
    ["versions", get("/versions?versions")],
  ];
  const samples = new Map<string, number[]>();
  const note = (name: string, value: number): void => {
    samples.set(name, [...(samples.get(name) ?? []), value]);
  };
  for (const [, request] of pages) await pageMs(request, warmUpPages);
  for (let round = 0; round < Number(rounds); round++) {
    for (const [name, request] of pages) note(name, await pageMs(request, pagesPerRound));
    for (const versioned of [false, true]) {
      const us = await deleteUs(versioned ? "versioned" : "deleted", versioned);
      note(versioned ? "delete 1,000, versioned" : "delete 1,000", us);
    }
  }
  for (const [name, values] of samples) {
    values.sort((a, b) => a - b);
    const unit = name.startsWith("delete") ? "µs a key" : "ms a page";
    console.log(
      `${name.padEnd(24)} ${must(values[values.length >> 1], "a sample").toFixed(2)} ${unit}`,
    );
  }
}

function get(target: string): TestRequest {
  return { method: "GET", target };
}

/** Processor time of a page. */
async function pageMs(request: TestRequest, count: number): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    const { status } = await s3.send(request);
    if (status !== 200) throw new Error(`${request.target}: ${status}`);
  }
  return usedUs(before) / count / 1000;
}

async function deleteUs(bucket: string, versioned: boolean): Promise<number> {
  let us = 0;
  for (let index = 0; index < deletesPerRound; index++) {
    const name = (at: number): string => `photos/2026/photo ${pad(at, 10)}.jpeg`;
    await fill(bucket, (at) => [name(at)], deletedKeys);
    if (versioned) await enableVersioning(bucket);
    const names = Array.from({ length: deletedKeys }, (_, at) => name(at));
    const objects = names.map((key) => `<Object><Key>${key}</Key></Object>`);
    const body = `<Delete>${objects.join("")}</Delete>`;
    const request = { method: "POST", target: `/${bucket}?delete`, body, md5: true };
    const before = process.cpuUsage();
    const { status, text } = await s3.send(request);
    us += usedUs(before);
    if (status !== 200 || text.includes("<Error>")) throw new Error(text.slice(0, 500));
  }
  return us / deletesPerRound / deletedKeys;
}

function usedUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function enableVersioning(bucket: string): Promise<void> {
  const body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
  const { status, text } = await s3.send({
    method: "PUT",
    target: `/${bucket}?versioning`,
    body,
    md5: true,
  });
  if (status !== 200) throw new Error(text);
}

/** Puts the rows of objects, as if they had been written long ago, with this many versions each. */
async function fill(
  name: string,
  keyOf: (index: number) => readonly [string, number?],
  count = keyCount,
): Promise<void> {
  const found = await getBucket(store, name);
  if (isRefusal(found)) await createBucket(store, { name, ...testOwner, region: store.region });
  const bucket = await getBucket(store, name);
  if (isRefusal(bucket)) throw new Error(bucket.refusal);
  const partition = must(store.keymap.partitionsOf(bucket.id)[0], "a partition");
  const commits = [];
  for (let at = 0; at < count; at += rowsPerCommit) {
    const some = Array.from({ length: Math.min(rowsPerCommit, count - at) }, (_, index) => {
      return rowsOf(bucket.id, keyOf(at + index));
    });
    const id = store.keymap.session.nextChangeId();
    commits.push(partition.commit({ id, checks: [], puts: some.flat(), deletes: [] }));
    if (commits.length === 8) await Promise.all(commits.splice(0));
  }
  await Promise.all(commits);
}

function rowsOf(bucket: BucketId, [name, versions = 1]: readonly [string, number?]) {
  const key = encodeUtf8(name);
  return Array.from({ length: versions }, (_, index) => {
    const order = (1_700_000_000_000 - index * 1000) * 1024;
    const rowKey = index === 0 ? headKey(bucket, key) : versionKey(bucket, key, order);
    return { key: rowKey, value: encodeObjectRow(rowOf(order, versions === 1)) };
  });
}

function rowOf(order: number, nullVersion: boolean) {
  return {
    kind: "object" as const,
    order,
    nullVersion,
    nullOrder: undefined,
    modifiedMs: Math.floor(order / 1024),
    size: 4096,
    md5: fromHex("0123456789abcdef0123456789abcdef") ?? noBytes,
    partCount: 0,
    checksum: { algorithm: "crc64nvme" as const, type: "full" as const, value: new Uint8Array(8) },
    attributes: {
      headers: [["content-type", "image/jpeg"] as const],
      metadata: [],
      tags: [],
      owner: testOwner.owner,
      account: testOwner.account,
      storageClass: "STANDARD",
      encryption: undefined,
      lock: undefined,
    },
    blob: idOfText<BlobId>("0123456789abcdef0123456789abcdef"), // made up
    upload: undefined,
    data: {
      kind: "chunks" as const,
      chunks: [{ extent: 1 as ExtentId, offset: order % 2 ** 28, length: 4096, checksum: 7 }],
    },
  };
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, "0");
}
