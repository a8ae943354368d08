import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { equalBytes } from "../../base/bytes.ts";
import { scanRecords } from "../../extent/extent-scan.ts";
import type { ExtentEntry } from "../../extent/extent-table.ts";
import { openExtentView } from "../../extent/extent-view.ts";
import type { Scheme } from "../../format/extent-row.ts";
import { extentHeaderBytes, extentHeaderSlotBytes } from "../../format/limits.ts";
import { shardGeometry } from "../../format/shard.ts";
import { createHash } from "../../node/platform/hash.ts";
import { ScrubbedStore } from "../../node/testing/scrubbed-store.ts";
import { SeededRandom } from "../../platform/seeded-random.ts";
import { memberFileBytes } from "../extents/extent-health.ts";
import { putChunks, read } from "../testing/objects.ts";

// Single bits are flipped in real files, in all that they consist of: scrub finds each, and repair
// makes every byte what it was.

const hash = createHash();
const objects = 60;
const contentOf = (i: number): string => `${i} is its number;`.repeat(40 + 7 * i);
const coded: Scheme = { kind: "coded", code: "rs", data: 2, parity: 2 };
const copied: Scheme = { kind: "replicated", copies: 3, quorum: 2 };

function createStore(schemeAtRest: Scheme): Promise<ScrubbedStore> {
  const encodedBytesMin = schemeAtRest.kind === "coded" ? 0 : Infinity;
  return ScrubbedStore.create({
    disks: 5,
    extentBytes: 16 * 1024,
    schemeAtRest,
    limits: { encodedBytesMin },
    fill: async (front) => {
      for (let i = 0; i < objects; i++) await putChunks(front, `key ${i}`, [contentOf(i)]);
    },
  });
}

/** Somewhere in a part of a member's file. */
type Place = (entry: ExtentEntry, drawn: (below: number) => number) => number;

const inEitherScheme: readonly Place[] = [
  (_, drawn) => drawn(extentHeaderSlotBytes),
  (_, drawn) => extentHeaderSlotBytes + drawn(extentHeaderSlotBytes),
  ({ row }, drawn) => extentHeaderBytes + drawn(memberFileBytes(row) - extentHeaderBytes),
];

const places: Readonly<Record<Scheme["kind"], readonly Place[]>> = {
  replicated: inEitherScheme,
  coded: [...inEitherScheme, inTable],
};

function inTable({ row }: ExtentEntry, drawn: (below: number) => number): number {
  assert.ok(row.scheme.kind === "coded");
  const { tableOffset, fileBytes } = shardGeometry(row.scheme, row.length);
  return tableOffset + drawn(fileBytes - tableOffset);
}

/** All bytes of the members behind their headers, which repair writes anew. */
function contentsOf(store: ScrubbedStore, { row, ...entry }: ExtentEntry): Uint8Array[] {
  return row.members.map((_, member) => {
    return store.bytesOf({ row, ...entry }, member).slice(extentHeaderBytes, memberFileBytes(row));
  });
}

/** Where the padding of a record is, in each extent that has some. */
async function paddingIn(store: ScrubbedStore, entry: ExtentEntry): Promise<number | undefined> {
  const view = await openExtentView(store.process, entry);
  const [file] = view.sources;
  const range = { extent: entry.id, from: extentHeaderBytes, to: entry.row.length };
  try {
    for await (const seen of scanRecords({ platform: { hash }, file, ...range })) {
      if (seen.kind === "hole") continue;
      const { headerBytes, payloadBytes } = seen.header;
      if (seen.offset + headerBytes + payloadBytes < seen.end) return seen.end - 1;
    }
  } finally {
    await view.close();
  }
  return undefined;
}

for (const scheme of [copied, coded]) {
  test(`C4, C5: scrub finds every flipped bit of ${scheme.kind} extents, and repair mends all`, async () => {
    await using store = await createStore(scheme);
    const random = new SeededRandom(7);
    const drawn = (below: number): number => random.uint32() % below;
    const entries = (await store.entries()).filter(({ row }) => row.length > extentHeaderBytes);
    assert.ok(entries.length >= 4 * places[scheme.kind].length, `${entries.length} extents`);
    assert.ok(entries.every(({ row }) => row.scheme.kind === scheme.kind));
    const before = entries.map((entry) => contentsOf(store, entry));
    const spoiled = new Map<ExtentEntry, number>();
    for (const [i, entry] of entries.entries()) {
      if (i % 5 === 4) continue; // as it is
      const member = drawn(entry.row.members.length);
      const place = must(places[scheme.kind][i % places[scheme.kind].length], "a part of a file");
      const at = place(entry, drawn);
      store.change(entry, member, (bytes) => (bytes[at]! ^= 1 << drawn(8)));
      spoiled.set(entry, member);
    }
    await store.scrub();
    const { counters } = store.tasks;
    assert.equal(counters.membersFoundBad, spoiled.size);
    for (const { id, row } of await store.entries()) {
      const found = [...row.members.keys()].filter((one) => row.members[one]!.state !== "whole");
      const meant = [...spoiled].filter(([entry]) => entry.id === id).map(([, member]) => member);
      assert.deepEqual(found, meant, `extent ${id}`);
    }
    const short = await store.process.table.listShort(undefined, 1000);
    assert.equal(short.length, spoiled.size);
    await store.repairAndScrub();
    assert.equal(counters.membersRepaired, spoiled.size);
    assert.equal(counters.membersFoundBad, spoiled.size, "nothing was left to be found");
    assert.deepEqual(await store.process.table.listShort(undefined, 1000), []);
    for (const [i, entry] of entries.entries()) {
      for (const [member, bytes] of contentsOf(store, entry).entries()) {
        assert.ok(equalBytes(bytes, before[i]![member]!), `extent ${entry.id}, member ${member}`);
      }
    }
    for (let i = 0; i < objects; i++) {
      assert.equal(await read(store.process, `key ${i}`), contentOf(i));
    }
  });
}

test("C4, C5: a copy whose header slots are both spoiled is whole after one repair", async () => {
  await using store = await createStore(copied);
  const [entry] = await store.entries();
  store.change(must(entry, "an extent"), 1, (bytes) => {
    bytes[20]! ^= 4;
    bytes[extentHeaderSlotBytes + 20]! ^= 4;
  });
  await store.scrub();
  await store.repairAndScrub();
  const { membersFoundBad, membersRepaired } = store.tasks.counters;
  assert.deepEqual([membersFoundBad, membersRepaired], [1, 1]);
});

test("C4, C5: a bit flipped in padding is found, and mended", async () => {
  await using store = await createStore(copied);
  let count = 0;
  for (const entry of await store.entries()) {
    const at = await paddingIn(store, entry);
    if (at === undefined) continue;
    store.change(entry, count % 3, (bytes) => (bytes[at]! ^= 0x80));
    count++;
  }
  assert.ok(count > 0);
  await store.scrub();
  await store.repairAndScrub();
  const { membersFoundBad, membersRepaired } = store.tasks.counters;
  assert.deepEqual([membersFoundBad, membersRepaired], [count, count]);
});
