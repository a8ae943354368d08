import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOn } from "../format/extent-row.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { examineExtent } from "./extent-examination.ts";
import type { ExtentWriter } from "./extent-writer.ts";
import type { DiskOperation } from "./testing/memory-disk.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

// Files that are removed, replaced or spoiled by others while a writer has them open.

const hash = createHash();

interface Case {
  readonly title: string;
  readonly found: "missing" | "damaged";
  readonly spoil: (store: TestStore, path: string) => void;
}

const cases: readonly Case[] = [
  {
    title: "removed",
    found: "missing",
    spoil: (store, path) => void store.memoryDisks[0]!.files.delete(path),
  },
  {
    title: "replaced by an empty file",
    found: "missing",
    spoil: (store, path) => store.memoryDisks[0]!.replace(path, new Uint8Array(0)),
  },
  {
    title: "emptied",
    found: "damaged",
    spoil: (store, path) => void store.memoryDisks[0]!.files.set(path, new Uint8Array(0)),
  },
];

/** Once, before the next such operation. */
function before(store: TestStore, operation: DiskOperation, effect: () => void): void {
  const [disk] = store.memoryDisks;
  disk!.before = (begun) => {
    if (begun !== operation) return;
    disk!.before = () => {};
    effect();
  };
}

async function assertReadable(store: TestStore, refs: readonly ChunkRef[]): Promise<void> {
  const reader = store.reader();
  for (const [i, ref] of refs.entries()) {
    assert.deepEqual(await reader.read(ref, identityOf(i), 0, 99), payloadOf(99, i));
  }
  await reader.close();
}

const append = (writer: ExtentWriter, i: number): Promise<ChunkRef> =>
  writer.append(standardExtents, identityOf(i), payloadOf(99, i));

const losses = (store: TestStore): number =>
  store.logged.filter(({ event }) => event === "extent_file_lost").length;

for (const { title, found, spoil } of cases) {
  for (const operation of ["write", "sync"] as const) {
    test(`C1: a file ${title} before a batch's ${operation}: the batch is written elsewhere before it is answered`, async () => {
      const store = await TestStore.create(hash);
      const writer = store.writer();
      const lost = await append(writer, 0);
      const [path] = store.extentFiles();
      before(store, operation, () => spoil(store, path!));
      const refs = await Promise.all([0, 1, 2].map((i) => append(writer, i)));
      assert.ok(refs.every(({ extent }) => extent !== lost.extent));
      await assertReadable(store, refs);
      assert.deepEqual([losses(store), writer.statistics().extentsLost], [1, 1]);
      assert.equal(writer.statistics().disks[0]?.condition, "ok");
      const stop = new AbortController();
      const running = writer.run(stop.signal);
      stop.abort();
      await running;
      const members = store.table.entries.get(lost.extent)?.row.members;
      assert.deepEqual(members, [{ ...copyOn(store.diskIds[0]!), state: found }]);
    });
  }
}

test("C8: an idle writer notices that its file was removed, and reports it once", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  const { extent } = await append(writer, 0);
  store.memoryDisks[0]!.files.delete(store.extentFiles()[0]!);
  await store.clock.advance(10_000);
  assert.equal(losses(store), 1);
  assert.equal(store.table.entries.get(extent)?.row.members[0]?.state, "missing");
  await assertReadable(store, [await append(writer, 0)]);
  stop.abort();
  await running;
});

test("C1: chunks whose file is lost before their row is committed are reported", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const refs = [await append(writer, 0)];
  await writer.assertInPlace(refs);
  store.memoryDisks[0]!.files.delete(store.extentFiles()[0]!);
  await assert.rejects(writer.assertInPlace(refs), { code: "io" });
  // Also once the extent is closed.
  refs.push(await append(writer, 1));
  await assert.rejects(writer.assertInPlace(refs), { code: "io" });
  await writer.assertInPlace(refs.slice(1));
});

test("C1: chunks are looked for while their extent is closed, too", async () => {
  const store = await TestStore.create(hash, 3);
  const writer = store.writer();
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  const ref = await append(writer, 0);
  const [first] = store.memoryDisks;
  first!.before = async (operation) => {
    if (operation !== "isInPlace") return;
    first!.before = () => {};
    stop.abort();
    await running;
  };
  await writer.assertInPlace([ref]);
});

test("C9: a data directory that is not there for a while makes no extent of it missing", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  const ref = await append(writer, 0);
  const [disk] = store.memoryDisks;
  const files = [...disk!.files];
  disk!.files.clear();
  await assert.rejects(append(writer, 1), /mount it again/);
  await store.clock.advance(10_000);
  for (const [path, bytes] of files) disk!.files.set(path, bytes);
  await store.clock.advance(10_000);
  assert.equal(store.table.entries.get(ref.extent)?.row.members[0]?.state, "whole");
  await assertReadable(store, [ref]);
  stop.abort();
  await running;
});

test("C9: an extent is not taken for missing if its data directory comes back between two looks", async () => {
  const store = await TestStore.create(hash);
  const { extent } = await append(store.writer(), 0);
  const entry = await store.table.get(extent);
  before(store, "open", () => {
    throw new DiskError("missing", "not mounted for now");
  });
  const examined = await examineExtent(hash, store.disks, entry!);
  assert.deepEqual(examined, { states: ["whole"], failure: undefined });
});
