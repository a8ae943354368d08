import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { recordAfter } from "../engine/commit-log.ts";
import { firstLogPosition, type LogPosition } from "../format/commit-record.ts";
import { logHeaderBytes } from "../format/log-segment.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { localLogDisks } from "./local-log-members.ts";
import { compareLogCopies, mendLogCopies } from "./log-copies.ts";
import { findRecords, findSegments } from "./log-scan.ts";
import { logWriterOf } from "./testing/log-writer.ts";
import { settle } from "./testing/manual-clock.ts";
import { TestStore } from "./testing/test-store.ts";

const hash = createHash();
const path = "log/0000000000000000-1.log";

/** A log of one segment with three copies, which its writer still has open. */
async function openLog() {
  const store = await TestStore.create(hash, 3);
  const { disks, platform, memoryDisks } = store;
  const writer = logWriterOf(hash, store);
  const on = localLogDisks(hash, disks, 4096);
  let position: LogPosition = firstLogPosition;
  const append = async (): Promise<void> => {
    const { bytes, position: next } = recordAfter({ log: writer, hash }, position, []);
    await writer.append(next.sequence, bytes, undefined);
    position = next;
    await settle();
  };
  for (let i = 0; i < 4; i++) await append();
  const segments = async () => (await findSegments(hash, disks.store, on)).segments;
  const { header } = must((await segments())[0], "a segment");
  const question = { hash, store: disks.store, header, on };
  const bytesOf = (disk: number): Uint8Array => must(memoryDisks[disk], "a disk").bytesOf(path);
  const states = async (upTo?: number) =>
    (await compareLogCopies({ ...question, upTo })).map(({ state }) => state);
  const { log } = platform;
  return { store, append, segments, question, bytesOf, states, log };
}

test("log copies: a copy is whole, short where nothing was written, damaged where something else stands", async () => {
  const { store, bytesOf, states } = await openLog();
  assert.deepEqual(await states(), ["whole", "whole", "whole"]);
  bytesOf(1).fill(0, logHeaderBytes + 3 * 512);
  assert.deepEqual(await states(), ["whole", "short", "whole"]);
  assert.deepEqual(await states(3), ["whole", "whole", "whole"], "the last one is not asked for");
  bytesOf(1)[logHeaderBytes + 3 * 512 + 9] = 7;
  bytesOf(2)[logHeaderBytes + 512 + 100]! ^= 1;
  assert.deepEqual(await states(), ["whole", "damaged", "damaged"]);
  const [first] = store.memoryDisks;
  must(first, "a disk").files.delete(path);
  assert.deepEqual((await states()).toSorted(), ["damaged", "damaged", "missing"]);
});

test("log copies: a part of a file that its disk cannot read is damage", async () => {
  const { store, states } = await openLog();
  const disk = must(store.memoryDisks[2], "a disk");
  let reads = 0;
  disk.before = (operation, name) => {
    if (operation === "read" && name === path && ++reads > 1) throw new DiskError("io", "sector");
  };
  assert.deepEqual(await states(), ["whole", "whole", "damaged"]);
});

test("C8: log copies: a copy whose disk hangs while it is read is not known to be damaged", async () => {
  for (const readsBefore of [0, 1]) {
    const { store, states } = await openLog();
    let reads = 0;
    must(store.memoryDisks[2], "a disk").before = (operation, name) => {
      if (operation !== "read" || name !== path || reads++ < readsBefore) return;
      throw new DiskError("no_answer", "it hangs");
    };
    assert.deepEqual(await states(), ["whole", "whole", "unread"]);
  }
});

test("C1: a segment whose copies are mended takes no more records, and has all that were answered", async () => {
  const { append, question, bytesOf, segments, states, log } = await openLog();
  bytesOf(1)[logHeaderBytes + 40]! ^= 1;
  assert.equal((await mendLogCopies(log, question)).mended, 1);
  assert.deepEqual(await states(), ["whole", "whole", "whole"]);
  await append();
  const { records } = await findRecords(hash, await segments(), firstLogPosition);
  const ordinalsOf = (sequence: number) =>
    records
      .filter((one) => one.sequence === sequence)
      .flatMap(({ places }) => places.map(({ segment }) => segment.header.ordinal));
  assert.deepEqual(ordinalsOf(1), [1, 1, 1]);
  // What was written to the sealed segment as well was not answered for there.
  assert.equal(ordinalsOf(5).filter((ordinal) => ordinal === 2).length, 3);
});

test("C5: a copy that cannot be read as it was written does not take the place of another", async () => {
  const { store, question, bytesOf, log } = await openLog();
  bytesOf(1)[logHeaderBytes + 40]! ^= 1;
  const disk = must(store.memoryDisks[1], "a disk");
  disk.before = (operation, name) => {
    if (operation === "sync" && name.endsWith(".new")) disk.bytesOf(name)[logHeaderBytes + 9]! ^= 1;
  };
  const before = bytesOf(1).slice(logHeaderBytes);
  assert.equal((await mendLogCopies(log, question)).mended, 0);
  assert.deepEqual(bytesOf(1).slice(logHeaderBytes), before);
  assert.deepEqual(
    [...disk.files.keys()].filter((name) => name.endsWith(".new")),
    [],
  );
  disk.before = () => undefined;
  assert.equal((await mendLogCopies(log, question)).mended, 1);
});
