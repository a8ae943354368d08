import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { compareBytes, equalBytes, startsWithBytes, toHex } from "../../base/bytes.ts";
import type { UploadId } from "../../format/ids.ts";
import { idText, noId } from "../../format/ids.ts";
import type { Partition } from "../../keymap/keymap.ts";
import { createHash } from "../../node/platform/hash.ts";
import type { ListInput, ListItem } from "./list-objects.ts";
import { listObjects } from "./list-objects.ts";
import { listVersions } from "./list-versions.ts";
import type { UploadListItem } from "../upload/multipart.ts";
import { initiateUpload, listUploads } from "../upload/multipart.ts";
import type { ObjectStore } from "../object-store.ts";
import { attributes, ok, put } from "../testing/bodies.ts";
import { createTestStore, key, testBucket } from "../testing/test-store.ts";
import { remove } from "../testing/versions.ts";
import { setVersioning } from "../bucket/buckets.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";

const hash = createHash();

/**
 * Few letters, so that prefixes and delimiters meet: NUL, 0xff, "/", and halves of what is two
 * bytes in UTF-8.
 */
const letters = [0x00, 0x2f, 0x61, 0x62, 0xc3, 0xa9, 0xff];
const bytes = (minLength: number, maxLength: number) =>
  fc
    .array(fc.constantFrom(...letters), { minLength, maxLength })
    .map((list) => Uint8Array.from(list));
const optional = (arbitrary: fc.Arbitrary<Uint8Array>) => fc.option(arbitrary, { nil: undefined });

const listing = fc.record({
  prefix: bytes(0, 2),
  delimiter: optional(bytes(0, 2)),
  after: optional(bytes(0, 4)),
  limit: fc.constantFrom(1, 2, 3, 5, 100),
});
const keySets = fc.uniqueArray(bytes(1, 6), { maxLength: 40, selector: toHex });

interface Query {
  readonly prefix: Uint8Array;
  readonly delimiter: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
  readonly prefixOfAfter?: ListInput["prefixOfAfter"];
}

/** What a key is listed as: itself, or the common prefix it is in. */
function groupOf(name: Uint8Array, { prefix, delimiter }: Query): Uint8Array | undefined {
  if (delimiter === undefined || delimiter.length === 0) return undefined;
  const text = toHex(name.subarray(prefix.length));
  for (let at = 0; at < text.length; at += 2) {
    if (!text.startsWith(toHex(delimiter), at)) continue;
    return name.slice(0, prefix.length + at / 2 + delimiter.length);
  }
  return undefined;
}

/** The whole listing, by looking at every key. */
function naive(names: readonly Uint8Array[], query: Query): string[] {
  const { prefix, after } = query;
  const inPrefix = names.filter((name) => startsWithBytes(name, prefix));
  const out: string[] = [];
  for (const name of [...inPrefix].sort(compareBytes)) {
    if (after !== undefined && compareBytes(name, after) <= 0) continue;
    const group = groupOf(name, query);
    // `after` is a common prefix or lies in one: all under that was listed.
    const passed =
      after !== undefined && startsWithBytes(after, prefix) ? groupOf(after, query) : undefined;
    const isPassed = query.prefixOfAfter === undefined || passed?.length === after?.length;
    if (group !== undefined && passed !== undefined && isPassed && equalBytes(group, passed)) {
      continue;
    }
    const item = group === undefined ? `key ${toHex(name)}` : `prefix ${toHex(group)}`;
    if (out.at(-1) !== item) out.push(item);
  }
  return out;
}

function textOf(item: ListItem): string {
  return item.kind === "object" ? `key ${toHex(item.key)}` : `prefix ${toHex(item.prefix)}`;
}

async function walk(store: ObjectStore, query: Query, limit: number): Promise<string[]> {
  const out: string[] = [];
  for (let { after } = query; ;) {
    const input = { bucket: testBucket, ...query, after, limit };
    const { items, truncated } = ok(await inNamedBucket(store, listObjects, input));
    assert.ok(items.length <= limit);
    out.push(...items.map(textOf));
    const last = items.at(-1);
    if (!truncated || last === undefined) return out;
    assert.equal(items.length, limit);
    // Else a page that repeats itself would be walked for ever.
    assert.equal(new Set(out).size, out.length, "the listing repeats itself");
    after = last.kind === "object" ? last.key : last.prefix;
  }
}

test("list: pages of any size give what looking at every key gives", async () => {
  const property = fc.asyncProperty(
    keySets,
    fc.array(listing, { maxLength: 12 }),
    async (names, queries) => {
      const store = await createTestStore(hash);
      for (const name of names) ok(await put(store, name, ""));
      for (const { limit, ...each } of queries) {
        for (const prefixOfAfter of [undefined, "again"] as const) {
          const query = { ...each, prefixOfAfter };
          assert.deepEqual(await walk(store, query, limit), naive(names, query));
        }
      }
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

test("list uploads: by key, then by age, in pages of any size, grouped as keys are", async () => {
  const property = fc.asyncProperty(keySets, listing, async (names, { limit, ...query }) => {
    const store = await createTestStore(hash);
    const twice = [...names, ...names.slice(0, 10)];
    const ids = new Map<string, string[]>();
    for (const name of twice) {
      store.platform.advance(1);
      const input = { bucket: testBucket, key: name, attributes, checksum: undefined };
      const { upload } = ok(await inNamedBucket(store, initiateUpload, input));
      ids.set(toHex(name), [...(ids.get(toHex(name)) ?? []), idText(upload)]);
    }
    const expected = naive(names, query).flatMap((item) => {
      const [kind, name] = item.split(" ") as [string, string];
      return kind === "prefix" ? [item] : ids.get(name)!.map((id) => `${item} ${id}`);
    });
    assert.deepEqual(await walkUploads(store, query, limit), expected);
  });
  await fc.assert(property, { numRuns: 100 });
});

interface UploadPage {
  readonly items: readonly UploadListItem[];
  readonly truncated: boolean;
}

async function walkUploads(store: ObjectStore, query: Query, limit: number): Promise<string[]> {
  const out: string[] = [];
  const { after, ...grouping } = query;
  let afterKey = after;
  let afterUpload: UploadId | undefined;
  for (;;) {
    const page = { bucket: testBucket, ...grouping, afterKey, afterUpload, limit };
    const { items, truncated }: UploadPage = ok(await inNamedBucket(store, listUploads, page));
    for (const item of items) {
      if (item.kind === "prefix") out.push(`prefix ${toHex(item.prefix)}`);
      else out.push(`key ${toHex(item.key)} ${idText(item.upload)}`);
    }
    const last = items.at(-1);
    if (!truncated || last === undefined) return out;
    const next: Uint8Array = last.kind === "upload" ? last.key : last.prefix;
    assert.equal(new Set(out).size, out.length, "the listing repeats itself");
    afterKey = next;
    afterUpload = last.kind === "upload" ? last.upload : undefined;
  }
}

test("list: nothing is asked for, nothing is truncated", async () => {
  const store = await createTestStore(hash);
  ok(await put(store, "a", ""));
  const input = { bucket: testBucket, prefix: key(""), delimiter: undefined, after: undefined };
  assert.deepEqual(await inNamedBucket(store, listObjects, { ...input, limit: 0 }), {
    items: [],
    truncated: false,
  });
  const nowhere = await inNamedBucket(store, listObjects, {
    ...input,
    bucket: "nowhere",
    limit: 1,
  });
  assert.deepEqual(nowhere, { refusal: "noSuchBucket" });
});

/** Counts the scans, and the rows they return. */
function counting(store: ObjectStore): { store: ObjectStore; scans: number[] } {
  const scans: number[] = [];
  const wrap = (partition: Partition): Partition => ({
    id: partition.id,
    read: (keys) => partition.read(keys),
    commit: (change) => partition.commit(change),
    inSnapshot: (read) => partition.inSnapshot(read),
    async scan(range, options) {
      const rows = await partition.scan(range, options);
      scans.push(rows.length);
      return rows;
    },
  });
  const { keymap } = store;
  const partitionsOf: typeof keymap.partitionsOf = (bucket) =>
    keymap.partitionsOf(bucket).map(wrap);
  return { store: { ...store, keymap: { ...keymap, partitionsOf } }, scans };
}

test("list: a page of 1,000 keys is one scan; what lies under a prefix is passed by seeking", async () => {
  const store = await createTestStore(hash);
  for (let i = 0; i < 1200; i++) ok(await put(store, `flat/${String(i).padStart(4, "0")}`, ""));
  for (let i = 0; i < 200; i++) ok(await put(store, `tree/${i}/leaf`, ""));
  const flat = counting(store);
  const input = { bucket: testBucket, prefix: key(""), delimiter: key("/"), after: undefined };
  const page = { ...input, delimiter: undefined, limit: 1000 };
  assert.equal(ok(await inNamedBucket(flat.store, listObjects, page)).items.length, 1000);
  assert.deepEqual(flat.scans, [1001]);

  const grouped = counting(store);
  assert.deepEqual(
    ok(await inNamedBucket(grouped.store, listObjects, { ...input, limit: 1000 })).items.length,
    2,
  );
  assert.ok(grouped.scans.length <= 3, `${grouped.scans}`);

  const tree = counting(store);
  const inTree = { ...input, prefix: key("tree/"), limit: 1000 };
  assert.equal(ok(await inNamedBucket(tree.store, listObjects, inTree)).items.length, 200);
  assert.ok(tree.scans.length <= 2, `${tree.scans}`);
});

test("list: a common prefix costs a seek and a row, however many keys lie under it", async () => {
  const store = await createTestStore(hash);
  for (let i = 0; i < 2000; i++) ok(await put(store, `${i % 100}/${i}`, ""));
  const counted = counting(store);
  const input = { bucket: testBucket, prefix: key(""), delimiter: key("/"), after: undefined };
  const { items } = ok(await inNamedBucket(counted.store, listObjects, { ...input, limit: 1000 }));
  assert.equal(items.length, 100);
  assert.deepEqual(counted.scans, [100]);
});

test("C6: many delete markers are passed in full batches, whatever the page asks for", async () => {
  const store = await createTestStore(hash);
  ok(await setVersioning(store, testBucket, "enabled"));
  for (let i = 0; i < 3000; i++) await remove(store, `marked/${String(i).padStart(4, "0")}`);
  ok(await put(store, "z", ""));
  const counted = counting(store);
  const input = { bucket: testBucket, prefix: key(""), delimiter: key("/"), after: undefined };
  const { items } = ok(await inNamedBucket(counted.store, listObjects, { ...input, limit: 1 }));
  assert.deepEqual(items.map(textOf), [`key ${toHex(key("z"))}`]);
  assert.ok(counted.scans.length <= 5, `${counted.scans}`);
  assert.ok(Math.max(...counted.scans) <= 1001, `${counted.scans}`);
});

test("list versions: a page costs what is on it, not what lies under its prefixes", async () => {
  const store = await createTestStore(hash);
  ok(await setVersioning(store, testBucket, "enabled"));
  for (let i = 0; i < 1500; i++) ok(await put(store, `${i % 3}/deep/${i % 30}`, ""));
  ok(await put(store, "z", ""));
  const { keymap } = store;
  let rows = 0;
  const wrap = (partition: Partition): Partition => ({
    id: partition.id,
    read: (keys) => partition.read(keys),
    commit: (change) => partition.commit(change),
    scan: (...of) => partition.scan(...of),
    inSnapshot: (read) =>
      partition.inSnapshot((reader) =>
        read({
          read: (keys) => reader.read(keys),
          async scan(...of) {
            const found = await reader.scan(...of);
            rows += found.length;
            return found;
          },
        }),
      ),
  });
  const partitionsOf: typeof keymap.partitionsOf = (bucket) => {
    return keymap.partitionsOf(bucket).map(wrap);
  };
  const counted = { ...store, keymap: { ...keymap, partitionsOf } };
  const query = { prefix: key(""), delimiter: key("/"), after: undefined, limit: 5 };
  const page = ok(await inNamedBucket(counted, listVersions, { bucket: testBucket, ...query }));
  assert.deepEqual([page.items.length, page.truncated], [4, false]);
  assert.ok(rows <= 4 * 2 * 8, `${rows} rows`);
});

test("listings: prefixes and markers longer than any key list what comes behind them", async () => {
  const store = await createTestStore(hash);
  const long = new Uint8Array(5000).fill(0x6d);
  for (const name of ["a", "z"]) ok(await put(store, name, ""));
  const nothing = { bucket: testBucket, prefix: long, delimiter: undefined, limit: 10 };
  const behind = { ...nothing, prefix: key("") };
  const version = { kind: "id", order: 1, blob: noId } as const; // made to be one
  const upload = noId; // made to be one
  const counts = await Promise.all([
    inNamedBucket(store, listObjects, { ...nothing, after: undefined }),
    inNamedBucket(store, listVersions, { ...nothing, after: undefined }),
    inNamedBucket(store, listUploads, { ...nothing, afterKey: undefined, afterUpload: undefined }),
    inNamedBucket(store, listObjects, { ...behind, after: long }),
    inNamedBucket(store, listVersions, { ...behind, after: { key: long, version } }),
    inNamedBucket(store, listUploads, { ...behind, afterKey: long, afterUpload: upload }),
  ]);
  const lengths = counts.map((page) => ("refusal" in page ? page.refusal : page.items.length));
  assert.deepEqual(lengths, [0, 0, 0, 1, 1, 0]);
});
