import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError } from "../base/errors.ts";
import { copyOn, type ExtentClass } from "../format/extent-row.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import { recordBytes } from "../format/record.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { extentPath } from "./extent-files.ts";
import { type ExtentWriter, laneGroupsMax } from "./extent-writer.ts";
import { settle } from "./testing/manual-clock.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";
import { copiesOnly, type WriteChoices } from "./write-choices.ts";

const hash = createHash();

/** Runs the writer's service while the test does its work. */
async function whileRunning(writer: ExtentWriter, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const running = writer.run(stop.signal);
  try {
    await work();
  } finally {
    stop.abort();
    await running;
  }
}

const states = (store: TestStore): string[] =>
  [...store.table.entries.values()].map(({ row }) => row.state);

test("writer: appended chunks are read back, each at its own place", async () => {
  const store = await TestStore.create(hash);
  const [writer, reader] = [store.writer(), store.reader()];
  for (const length of [0, 1, 7, 65_536, 65_537, 300_000]) {
    const payload = payloadOf(length, length);
    const ref = await writer.append(standardExtents, identityOf(length), payload);
    assert.deepEqual(await reader.read(ref, identityOf(length), 0, length), payload);
  }
  assert.equal(store.table.entries.size, 2, "one for small records and one for large ones");
  await reader.close();
});

test("writer: small records do not wait for the write of a large one", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  const writer = store.writer();
  const { extent } = await writer.append(standardExtents, identityOf(0), payloadOf(65_537));
  const gate = Promise.withResolvers<void>();
  disk!.before = (operation, path) =>
    operation === "write" && path === extentPath(extent) ? gate.promise : undefined;
  const large = writer.append(standardExtents, identityOf(1), payloadOf(100_000));
  const small = await writer.append(standardExtents, identityOf(2), payloadOf(65_536));
  assert.notEqual(small.extent, extent);
  gate.resolve();
  assert.equal((await large).extent, extent);
});

test("writer: the row is committed before the file exists, with truthful scheme and member", async () => {
  const store = await TestStore.create(hash);
  store.memoryDisks[0]!.before = (operation) => {
    if (operation === "create") assert.equal(store.table.entries.size, 1);
  };
  await store.writer().append(standardExtents, identityOf(0), payloadOf(10));
  const [entry] = store.table.entries.values();
  assert.deepEqual(entry?.row.members, [copyOn(store.diskIds[0]!)]);
  assert.deepEqual(entry?.row.scheme, { kind: "replicated", copies: 1, quorum: 1 });
  assert.equal(entry?.row.state, "open");
});

test("C1: an append is answered only after its bytes and its file's name are synced", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  const synced = new Set<string>();
  disk!.before = (operation, path) => {
    if (operation === "write") synced.delete(path);
    if (operation === "sync" || operation === "syncDirectory") synced.add(path);
  };
  await store.writer().append(standardExtents, identityOf(0), payloadOf(10));
  const [file] = store.extentFiles();
  for (const path of ["", "extents", "extents/01", file!]) assert.ok(synced.has(path), path);
});

test("writer: 64 concurrent appends take few syncs", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  await writer.append(standardExtents, identityOf(0), payloadOf(1));
  await Promise.all(
    Array.from({ length: 64 }, (_, i) =>
      writer.append(standardExtents, identityOf(i), payloadOf(4096)),
    ),
  );
  assert.equal(writer.statistics().records, 65);
  assert.ok(writer.statistics().syncs <= 3, `${writer.statistics().syncs} syncs`);
});

test("C6: writer: past the queue's limit an append is refused as overloaded", async () => {
  const store = await TestStore.create(hash);
  let release = () => {};
  store.memoryDisks[0]!.before = (operation) =>
    operation === "create" ? new Promise((resolve) => (release = resolve)) : undefined;
  const writer = store.writer();
  const appends = Array.from({ length: 5000 }, (_, i) =>
    writer.append(standardExtents, identityOf(i), payloadOf(1)).catch((error: unknown) => error),
  );
  await settle();
  release();
  const results = await Promise.all(appends);
  const refused = results.filter((result) => result instanceof Error);
  assert.ok(refused.every((error) => isStoreError(error, "overloaded")));
  assert.equal(refused.length, 5000 - 4096);
});

test("writer: an extent is sealed before it grows past its size", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer({ extentBytes: 64 * 1024 });
  await whileRunning(writer, async () => {
    for (let i = 0; i < 20; i++) {
      writer.release([await writer.append(standardExtents, identityOf(i), payloadOf(10_000))]);
    }
    await store.clock.advance(2000);
    assert.deepEqual(states(store), ["settled", "settled", "settled", "open"]);
  });
  for (const { row } of store.table.entries.values()) assert.ok(row.length <= 64 * 1024);
  assert.deepEqual(states(store), ["settled", "settled", "settled", "settled"]);
});

test("writer: an extent is sealed by age, and settled once all of it is released", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer({ sealAfterMs: 5000 });
  await whileRunning(writer, async () => {
    const first = await writer.append(standardExtents, identityOf(0), payloadOf(10));
    const second = await writer.append(standardExtents, identityOf(1), payloadOf(10));
    await store.clock.advance(3000);
    assert.deepEqual(states(store), ["open"]);
    await store.clock.advance(4000);
    assert.deepEqual(states(store), ["sealed"]);
    writer.release([first]);
    writer.release([first]);
    await store.clock.advance(2000);
    assert.deepEqual(states(store), ["sealed"], "one is outstanding, released twice or not");
    writer.release([second]);
    await store.clock.advance(2000);
    assert.deepEqual(states(store), ["settled"]);
  });
});

test("writer: a row that can't be sealed now is sealed later, and keeps what was added to it", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer({ sealAfterMs: 1000 });
  await whileRunning(writer, async () => {
    await writer.append(standardExtents, identityOf(0), payloadOf(10));
    const [entry] = store.table.entries.values();
    await store.table.replace(entry!, { ...entry!.row, deadBytes: 77 });
    store.table.before = (method) => {
      if (method === "replace") throw new Error("the table is away");
    };
    await store.clock.advance(3000);
    assert.deepEqual(states(store), ["open"]);
    store.table.before = () => {};
    await store.clock.advance(1000);
    assert.deepEqual(states(store), ["sealed"]);
    assert.equal(store.table.entries.get(entry!.id)?.row.deadBytes, 77);
  });
});

test("writer: a failed sync is not retried: the extent ends there, and the record goes to a new one", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  const writer = store.writer();
  const reader = store.reader();
  const first = await writer.append(standardExtents, identityOf(0), payloadOf(10));
  let failures = 0;
  disk!.before = (operation, path) => {
    if (operation === "sync" && path.endsWith(".extent") && failures++ === 0) {
      throw new DiskError("io", "sync failed");
    }
  };
  const second = await writer.append(standardExtents, identityOf(1), payloadOf(5000, 2));
  assert.notEqual(second.extent, first.extent);
  assert.deepEqual(await reader.read(second, identityOf(1), 0, 5000), payloadOf(5000, 2));
  await whileRunning(writer, () => store.clock.advance(1000));
  const firstRow = store.table.entries.get(first.extent)?.row;
  assert.equal(firstRow?.state, "sealed");
  assert.equal(
    firstRow?.length,
    first.offset + recordBytes(5, 10),
    "up to the record that was synced",
  );
  await reader.close();
});

test("writer: extents are opened on every data directory, and on none that fails", async () => {
  const store = await TestStore.create(hash, 6);
  const writer = store.writer({ extentBytes: 64 * 1024 });
  const append = (i: number): Promise<ChunkRef> =>
    writer.append(standardExtents, identityOf(i), payloadOf(10_000));
  const disksOf = (refs: readonly ChunkRef[]) =>
    new Set(
      refs.flatMap(({ extent }) => {
        const members = store.table.entries.get(extent)?.row.members ?? [];
        assert.equal(members.length, 3);
        return members.map(({ disk }) => disk);
      }),
    );
  const first: ChunkRef[] = [];
  for (let i = 0; i < 100; i++) first.push(await append(i));
  assert.deepEqual(disksOf(first), new Set(store.diskIds));
  store.memoryDisks[1]!.before = () => {
    throw new DiskError("io", "broken");
  };
  await append(0);
  for (let i = 0; i < 6; i++) await append(i);
  const later: ChunkRef[] = [];
  for (let i = 0; i < 100; i++) later.push(await append(i));
  assert.deepEqual(disksOf(later), new Set(store.diskIds.toSpliced(1, 1)));
});

test("writer: an append goes to the lanes with the shortest queues", async () => {
  const store = await TestStore.create(hash, 2);
  const writer = store.writer({ choices: copiesOnly(1) });
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  for (const disk of store.memoryDisks) disk.before = () => gate;
  const large = writer.append(standardExtents, identityOf(0), payloadOf(100_000));
  const small = Array.from({ length: 10 }, (_, i) =>
    writer.append(standardExtents, identityOf(i), payloadOf(1000)),
  );
  release();
  await large;
  const extents = new Set((await Promise.all(small)).map(({ extent }) => extent));
  assert.equal(extents.size, 1, "all in the lane beside that of the large one");
});

const troubles = [
  { kind: "full", code: "storage_full", fix: /delete objects, make space/ },
  { kind: "read_only", code: "read_only", fix: /remount it read-write/ },
  { kind: "missing", code: "io", fix: /mount it again/ },
  { kind: "no_answer", code: "io", fix: /hangs: see to the disk/ },
  { kind: "io", code: "io", fix: /look at the system's log/ },
] as const;

for (const { kind, code, fix } of troubles) {
  test(`writer: a disk that is ${kind} is named with the fix, and writing goes on when it is well`, async () => {
    const store = await TestStore.create(hash);
    const [disk] = store.memoryDisks;
    const writer = store.writer();
    await whileRunning(writer, async () => {
      const ref = await writer.append(standardExtents, identityOf(0), payloadOf(10));
      disk!.before = (operation) => {
        const writes = operation === "write" || operation === "create";
        if (writes || kind === "missing") throw new DiskError(kind, `it is ${kind}`);
      };
      for (let i = 0; i < 3; i++) {
        const failure = await writer
          .append(standardExtents, identityOf(1), payloadOf(10))
          .catch((e: unknown) => e);
        assert.ok(isStoreError(failure, code), String(failure));
        assert.match(failure.message, fix);
        assert.match(failure.message, /\/data1/);
        await store.clock.advance(4000);
      }
      disk!.before = () => {};
      const reader = store.reader();
      assert.equal((await reader.read(ref, identityOf(0), 0, 10)).length, 10);
      await reader.close();
      await store.clock.advance(4000);
      await writer.append(standardExtents, identityOf(2), payloadOf(10));
      assert.ok(store.table.entries.size <= 3, "no extent is opened in vain while it is stopped");
    });
  });
}

test("writer: a disk below its reserve takes nothing until there is space again", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  const writer = store.writer({ reserveBytes: 1000 });
  await whileRunning(writer, async () => {
    await writer.append(standardExtents, identityOf(0), payloadOf(10));
    disk!.bytesFree = 999;
    await store.clock.advance(4000);
    await assert.rejects(writer.append(standardExtents, identityOf(1), payloadOf(10)), {
      code: "storage_full",
    });
    const fileSystem = "/data1";
    const full = { name: "/data1", condition: "full", bytesFree: 999, fileSystem };
    assert.deepEqual(writer.statistics().disks, [full], "C8: what it says is so");
    disk!.bytesFree = 100_000;
    await store.clock.advance(4000);
    const well = { name: "/data1", condition: "ok", bytesFree: 100_000, fileSystem };
    assert.deepEqual(writer.statistics().disks, [well]);
    await writer.append(standardExtents, identityOf(1), payloadOf(10));
  });
});

test("C8: writer: a disk that is read-only is shown so before anything is written to it", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  const writer = store.writer();
  const condition = (): string | undefined => writer.statistics().disks[0]?.condition;
  await whileRunning(writer, async () => {
    assert.equal(condition(), "ok");
    const created = disk!.count("create");
    disk!.isReadOnly = true;
    await store.clock.advance(4000);
    assert.equal(condition(), "read_only");
    assert.equal(disk!.count("create"), created, "nothing was tried");
    disk!.isReadOnly = false;
    await store.clock.advance(4000);
    assert.equal(condition(), "ok");
    await writer.append(standardExtents, identityOf(0), payloadOf(10));
  });
});

test("writer: what arrives in one turn shares a write and a sync, though nothing was being written", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const turn = Promise.withResolvers<void>();
  store.clock.turn = () => turn.promise;
  const first = writer.append(standardExtents, identityOf(0), payloadOf(100));
  await settle();
  const second = writer.append(standardExtents, identityOf(1), payloadOf(100));
  turn.resolve();
  await Promise.all([first, second]);
  const { records, syncs } = writer.statistics();
  assert.deepEqual({ records, syncs }, { records: 2, syncs: 1 });
});

test("writer: a batch waits for one turn, however much the next would bring", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const appended: Promise<unknown>[] = [];
  let turns = 0;
  store.clock.turn = async () => {
    await Promise.resolve();
    appended.push(writer.append(standardExtents, identityOf(++turns), payloadOf(100)));
  };
  appended.push(writer.append(standardExtents, identityOf(0), payloadOf(100)));
  await settle();
  assert.equal(turns, 1);
  await Promise.all(appended);
  const { records, syncs } = writer.statistics();
  assert.deepEqual({ records, syncs }, { records: 2, syncs: 1 });
});

test("writer: several writers that fill a disk stop at its reserve, however quickly they write", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  const payload = payloadOf(64 * 1024);
  const reserveBytes = 2 * 1024 * 1024;
  const capacityBytes = 2 * reserveBytes;
  const used = (): number => [...disk!.files.values()].reduce((sum, { length }) => sum + length, 0);
  disk!.before = (operation) => {
    if (operation === "space") disk!.bytesFree = capacityBytes - used();
  };
  const writers = [0, 1, 2].map(() => store.writer({ reserveBytes, extentBytes: 512 * 1024 }));
  const refs: ChunkRef[] = [];
  const fill = async (writer: ExtentWriter): Promise<unknown> => {
    try {
      for (;;) refs.push(await writer.append(standardExtents, identityOf(0), payload));
    } catch (error) {
      return error;
    }
  };
  // No time passes: nobody looks at the disk by the clock.
  const failures = await Promise.all(writers.map(fill));
  for (const failure of failures) assert.ok(isStoreError(failure, "storage_full"), String(failure));
  // What each of them but one had on its way, with the header of an extent begun for it.
  const overrunMax = (writers.length - 1) * (payload.length + 16 * 1024);
  assert.ok(capacityBytes - used() >= reserveBytes - overrunMax, `${used()} bytes used`);
  assert.ok(used() > reserveBytes - 5 * payload.length, `${used()} bytes used`);
  const reader = store.reader();
  assert.equal((await reader.read(refs[0]!, identityOf(0), 0, 10)).length, 10);
  await reader.close();

  const [writer] = writers;
  await whileRunning(writer!, async () => {
    await store.clock.advance(4000);
    await assert.rejects(writer!.append(standardExtents, identityOf(1), payload), {
      code: "storage_full",
    });
    disk!.files.delete(store.extentFiles()[1]!);
    await store.clock.advance(4000);
    await writer!.append(standardExtents, identityOf(1), payload);
  });
});

test("writer: small and large records together leave a disk its reserve", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  disk!.bytesFree = 1_350_000;
  const writer = store.writer({ reserveBytes: 1_000_000 });
  await Promise.all(
    [70_000, 10].map((bytes) => writer.append(standardExtents, identityOf(0), payloadOf(bytes))),
  );
  disk!.bytesFree = 1_250_000;
  const gate = Promise.withResolvers<void>();
  disk!.before = (operation) => (operation === "write" ? gate.promise : undefined);
  const large = writer.append(standardExtents, identityOf(1), payloadOf(200_000));
  await settle();
  const small = Promise.all(
    [2, 3].map((i) => writer.append(standardExtents, identityOf(i), payloadOf(60_000))),
  );
  const refused = assert.rejects(small, { code: "storage_full" });
  await settle();
  gate.resolve();
  await large;
  await refused;
});

test("writer: nothing is written into the mount point of a disk that is not mounted", async () => {
  const store = await TestStore.create(hash);
  const [disk] = store.memoryDisks;
  disk!.files.clear();
  await assert.rejects(
    store.writer().append(standardExtents, identityOf(0), payloadOf(10)),
    /mount it again/,
  );
  assert.equal(disk!.files.size, 0);
  assert.equal(store.table.entries.size, 0);
});

test("writer: a disk that does not answer loses its work to another, and its late bytes do no harm", async () => {
  const store = await TestStore.create(hash, 2);
  const writer = store.writer();
  const reader = store.reader();
  await whileRunning(writer, async () => {
    await Promise.all(
      [0, 1].map((i) => writer.append(standardExtents, identityOf(i), payloadOf(99))),
    );
    let answer = () => {};
    store.memoryDisks[0]!.before = (operation) =>
      operation === "sync" ? new Promise((resolve) => (answer = resolve)) : undefined;
    const appends = Array.from({ length: 8 }, (_, i) =>
      writer.append(standardExtents, identityOf(i), payloadOf(99, i)),
    );
    await store.clock.advance(12_000);
    const refs = await Promise.all(appends);
    for (const [i, ref] of refs.entries()) {
      assert.deepEqual(await reader.read(ref, identityOf(i), 0, 99), payloadOf(99, i));
    }
    assert.equal(new Set(refs.map(({ extent }) => extent)).size, 1);
    store.memoryDisks[0]!.before = () => {};
    answer();
    await store.clock.advance(8000);
    await Promise.all(
      [0, 1].map((i) => writer.append(standardExtents, identityOf(i), payloadOf(99))),
    );
    assert.equal(store.extentFiles(0).length, 2, "it is used again, with a new extent");
    await reader.close();
  });
});

test("C8: writer: an extent ends before the batch that was taken from it, whatever is written later", async () => {
  const store = await TestStore.create(hash, 2);
  const writer = store.writer();
  await whileRunning(writer, async () => {
    const first = await writer.append(standardExtents, identityOf(0), payloadOf(99));
    const written = store.memoryDisks.findIndex((_, i) =>
      store.extentFiles(i).includes(extentPath(first.extent)),
    );
    let answer = () => {};
    store.memoryDisks[written]!.before = (operation) =>
      operation === "sync" ? new Promise((resolve) => (answer = resolve)) : undefined;
    const appends = Array.from({ length: 8 }, (_, i) =>
      writer.append(standardExtents, identityOf(i), payloadOf(99)),
    );
    await store.clock.advance(12_000);
    await Promise.all(appends);
    store.memoryDisks[written]!.before = () => {};
    answer();
    await store.clock.advance(8000);
    const { row } = store.table.entries.get(first.extent)!;
    assert.equal(row.state, "sealed");
    assert.equal(row.length, first.offset + recordBytes(identityOf(0).key.length, 99));
  });
});

test("writer: after its signal aborted, run seals what is open and appends are refused", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  await whileRunning(writer, async () => {
    await writer.append(standardExtents, identityOf(0), payloadOf(10));
  });
  assert.deepEqual(states(store), ["sealed"]);
  await assert.rejects(writer.append(standardExtents, identityOf(1), payloadOf(10)), {
    code: "cancelled",
  });
  assert.equal(store.clock.sleepers, 0);
});

test("writer: a table that fails while an extent is opened fails the appends, not the disk", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  store.table.before = () => {
    throw new TableFailure();
  };
  await assert.rejects(writer.append(standardExtents, identityOf(0), payloadOf(10)), TableFailure);
  store.table.before = () => {};
  await writer.append(standardExtents, identityOf(0), payloadOf(10));
});

class TableFailure extends Error {}

const coldExtents: ExtentClass = { storageClass: "GLACIER_IR", bucketScheme: undefined };
const chosenExtents: ExtentClass = { storageClass: "STANDARD", bucketScheme: "rs-8-4" };

test("writer: an extent holds records of one class, and its row names it", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const classes = [standardExtents, coldExtents, chosenExtents];
  const rounds = [0, 1].map((round) =>
    classes.map((one, i) => writer.append(one, identityOf(round * 3 + i), payloadOf(100))),
  );
  const [first = [], second = []] = await Promise.all(rounds.map((round) => Promise.all(round)));
  const extents = first.map(({ extent }) => extent);
  assert.deepEqual(
    second.map(({ extent }) => extent),
    extents,
  );
  const rows = extents.map((extent) => store.table.entries.get(extent)!.row);
  assert.deepEqual(
    rows.map(({ storageClass, bucketScheme }) => ({ storageClass, bucketScheme })),
    classes,
  );
});

test("C6: writer: past the limit the class that was used least recently has its extents sealed", async () => {
  const store = await TestStore.create(hash);
  const writer = store.writer();
  const append = (name: string): Promise<ChunkRef> =>
    writer.append({ storageClass: name, bucketScheme: undefined }, identityOf(0), payloadOf(10));
  const openClasses = (): string[] =>
    [...store.table.entries.values()]
      .filter(({ row }) => row.state === "open")
      .map(({ row }) => row.storageClass);
  await whileRunning(writer, async () => {
    const [oldest] = [await append("0"), await append("1")];
    for (let i = 2; i < laneGroupsMax; i++) await append(String(i));
    assert.equal((await append("0")).extent, oldest.extent, "used again, so it stays");
    const more = await append("more");
    writer.release([...store.table.entries.values()].map(({ id }) => ({ ...more, extent: id })));
    await store.clock.advance(2000);
    assert.ok(!openClasses().includes("1"));
    assert.equal(openClasses().length, laneGroupsMax);
    assert.equal((await append("0")).extent, oldest.extent);
  });
});

test("writer: each class has as many copies as were chosen for it, from one second on", async () => {
  const store = await TestStore.create(hash, 3);
  let copies = 3;
  const choices: WriteChoices = {
    ...copiesOnly(),
    of: (one) => ({ copies: one === coldExtents ? copies : 1, inline: undefined }),
  };
  const writer = store.writer({ choices });
  const membersOf = async (one: ExtentClass): Promise<number> => {
    const { extent } = await writer.append(one, identityOf(0), payloadOf(10));
    return store.table.entries.get(extent)!.row.members.length;
  };
  copies = 2;
  await whileRunning(writer, async () => {
    assert.deepEqual([await membersOf(coldExtents), await membersOf(standardExtents)], [2, 1]);
    assert.deepEqual(
      [coldExtents, standardExtents].map((one) => writer.membersNow(one)),
      [2, 1],
    );
    copies = 3;
    await store.clock.advance(2000);
    assert.equal(await membersOf(coldExtents), 3);
  });
});

test("writer: with a single lane records of all sizes of a class go to one extent", async () => {
  const store = await TestStore.create(hash, 6);
  const writer = store.writer({ isSingleLane: true, extentBytes: 10_000_000 });
  const extents = new Set<number>();
  for (let i = 0; i < 12; i++) {
    const payload = payloadOf(i % 2 === 0 ? 100 : 100_000);
    extents.add((await writer.append(standardExtents, identityOf(i), payload)).extent);
  }
  assert.equal(extents.size, 1);
  const { extent } = await writer.append(coldExtents, identityOf(0), payloadOf(10));
  assert.ok(!extents.has(extent));
});
