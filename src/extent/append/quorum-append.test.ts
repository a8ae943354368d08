import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { SessionId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import { recordBytes } from "../../format/record.ts";
import { createHash } from "../../node/platform/hash.ts";
import { isDiskError } from "../../platform/disk.ts";
import { expectedHeaderOf } from "../member/member-header.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { isPending, settle } from "../testing/manual-clock.ts";
import { identityOf } from "../testing/test-store.ts";
import { behindBytesMax } from "./member-appender.ts";

const hash = createHash();
const threeDisks = (): Promise<LaneOnDisks> => LaneOnDisks.create(hash, 3);
const endOf = (ref: ChunkRef): number =>
  ref.offset + recordBytes(identityOf(0).key.length, ref.length);

test("C1: quorum: two of three are waited for, and no fewer", async () => {
  const three = await threeDisks();
  await three.append(0);
  assert.deepEqual(three.rows[0]?.scheme, { kind: "replicated", copies: 3, quorum: 2 });
  const goOn = [three.hold(1, "sync"), three.hold(2, "sync")];
  const appended = three.append(1);
  assert.ok(await isPending(appended));
  goOn[0]!();
  await appended;
  goOn[1]!();
  await settle();
  const [first, second, third] = three.files();
  assert.deepEqual(second!.subarray(extentHeaderBytes), first!.subarray(extentHeaderBytes));
  assert.deepEqual(third!.subarray(extentHeaderBytes), first!.subarray(extentHeaderBytes));
});

test("C1: quorum: a slower member gets a batch after the one before, and what waited at once", async () => {
  const three = await threeDisks();
  await three.append(0);
  const goOn = three.hold(2, "write");
  const disk = three.store.memoryDisks[2]!;
  const writes = disk.count("write");
  for (const chunk of [1, 2, 3]) await three.append(chunk);
  assert.equal(disk.count("write"), writes + 1, "one write at a time");
  goOn();
  await settle();
  assert.equal(disk.count("write"), writes + 2);
  const [first, , third] = three.files();
  assert.deepEqual(third!.subarray(extentHeaderBytes), first!.subarray(extentHeaderBytes));
});

test("C1: quorum: a payload is needed until its slowest member has it", async () => {
  const three = await threeDisks();
  await three.append(0);
  await settle();
  assert.deepEqual(three.released, [0]);
  const goOn = three.hold(2, "sync");
  await three.append(1);
  await three.append(2);
  await settle();
  assert.deepEqual(three.released, [0]);
  goOn();
  await settle();
  assert.deepEqual(three.released, [0, 1, 2]);
});

test("C1: quorum: a member that is late is left behind, and its extent ends where the others are", async () => {
  const three = await threeDisks();
  await three.append(0);
  await settle();
  const goOn = three.hold(2, "write");
  await three.append(1);
  const last = await three.append(2);
  await three.store.clock.advance(2000);
  const next = await three.append(3);
  assert.notEqual(next.extent, last.extent);
  await three.ledger.advance();
  assert.deepEqual(three.states[0], ["whole", "whole", "behind"]);
  assert.equal(three.rows[0]?.length, endOf(last));
  assert.deepEqual(three.conditions, ["writable", "writable", "writable"]);
  assert.ok(!three.released.includes(1), "it is being written");
  assert.ok(three.released.includes(2), "it is not written to that member any more");
  goOn();
  await settle();
  assert.ok(three.released.includes(1));
});

test("C1: quorum: a member that ends before the row is committed is whole, and is waited for", async () => {
  const three = await threeDisks();
  await three.append(0);
  const goOn = three.hold(2, "sync");
  await three.append(1);
  three.lane.sealIfDue(three.store.clock.monotonicMs());
  await settle();
  await three.ledger.advance();
  assert.equal(three.rows[0]?.state, "open");
  goOn();
  await settle();
  await three.ledger.advance();
  assert.equal(three.rows[0]?.state, "sealed");
  assert.deepEqual(three.states[0], ["whole", "whole", "whole"]);
});

test("C1: quorum: a member that fails is behind, its disk stops, and two go on", async () => {
  const three = await threeDisks();
  const first = await three.append(0);
  await settle();
  three.fail(0, "sync");
  const second = await three.append(1);
  assert.equal(second.extent, first.extent);
  await settle();
  const third = await three.append(2);
  assert.notEqual(third.extent, first.extent);
  await three.ledger.advance();
  assert.deepEqual(three.states, [
    ["behind", "whole", "whole"],
    ["whole", "whole"],
  ]);
  assert.equal(three.rows[0]?.length, endOf(second));
  assert.deepEqual(three.rows[1]?.scheme, { kind: "replicated", copies: 2, quorum: 2 });
  assert.deepEqual(three.conditions, ["io", "writable", "writable"]);
});

test("C1: quorum: below it nothing is answered, and the extent ends at what was", async () => {
  const three = await threeDisks();
  const first = await three.append(0);
  await settle();
  for (const disk of [0, 1]) three.fail(disk, "write");
  await assert.rejects(three.append(1), (error) => isDiskError(error, "io"));
  await settle();
  assert.deepEqual(three.released, [0, 1]);
  await three.ledger.advance();
  assert.equal(three.rows[0]?.length, endOf(first));
  assert.deepEqual(three.states, [["whole", "whole", "whole"]], "each has all that counts");
});

test("C6: quorum: the others wait for a member that too much waits for, until it is late", async () => {
  const three = await threeDisks();
  const chunk = new Uint8Array(4 * 1024 * 1024);
  const sendMuch = async (): Promise<void> => {
    for (let sent = 0; sent <= behindBytesMax; sent += chunk.length) await three.append(1, chunk);
  };
  await three.append(0);
  const goOn = three.hold(2, "write");
  await sendMuch();
  const waiting = three.append(2);
  assert.ok(await isPending(waiting));
  goOn();
  await waiting;
  await settle();
  assert.equal(three.rows.length, 1);
  const again = three.hold(2, "write");
  await sendMuch();
  const late = three.append(4);
  assert.ok(await isPending(late));
  await three.store.clock.advance(2000);
  await late;
  assert.equal(three.rows.length, 2);
  again();
});

/** Holds back the making of files on the disk until the returned function is called. */
function holdCreation({ store }: LaneOnDisks, disk: number): () => void {
  const gate = Promise.withResolvers<void>();
  const slow = store.memoryDisks[disk]!;
  slow.before = (operation) => (operation === "create" ? gate.promise : undefined);
  return () => {
    slow.before = () => {};
    gate.resolve();
  };
}

test("C6: quorum: a disk that is late with its file is left alone, and others are written", async () => {
  for (const isRowGone of [false, true]) {
    const three = await threeDisks();
    const goOn = holdCreation(three, 2);
    const appended = three.append(0);
    assert.ok(await isPending(appended));
    const refused = assert.rejects(appended, (error) => isDiskError(error, "io"));
    await three.store.clock.advance(1000);
    assert.ok(!(await isPending(appended)));
    await refused;
    await three.append(1);
    assert.deepEqual(three.states[1], ["whole", "whole"]);
    assert.deepEqual(three.conditions, ["writable", "writable", "writable"]);
    await three.ledger.advance();
    assert.deepEqual([three.rows[0]?.state, three.rows[0]?.length], ["settled", 0]);
    const [first] = three.store.table.entries.values();
    if (isRowGone) await three.store.table.remove(first!);
    goOn();
    await settle();
    assert.equal(three.store.memoryDisks[2]!.filesOpen, 0);
    assert.equal(three.store.extentFiles(2).length, isRowGone ? 0 : 1);
  }
});

test("C6: quorum: where no quorum made its files the others are waited for", async () => {
  const three = await threeDisks();
  const goOn = [holdCreation(three, 1), holdCreation(three, 2)];
  const appended = three.append(0);
  await three.store.clock.advance(1000);
  assert.ok(await isPending(appended));
  for (const one of goOn) one();
  await appended;
  assert.deepEqual(three.states, [["whole", "whole", "whole"]]);
});

test("C8: quorum: a file that is removed is missing where it was, and its extent ends", async () => {
  const three = await threeDisks();
  await three.append(0);
  await settle();
  const [path] = three.store.extentFiles(1);
  await three.store.memoryDisks[1]!.remove(path!);
  const second = await three.append(1);
  await settle();
  assert.notEqual((await three.append(2)).extent, second.extent);
  assert.deepEqual(three.lost, [["/data2 missing"]]);
  await three.ledger.advance();
  assert.deepEqual(three.states[0], ["whole", "missing", "whole"]);
});

test("C9: quorum: the file on a disk that has gone is behind, not missing", async () => {
  const three = await threeDisks();
  await three.append(0);
  await settle();
  three.store.memoryDisks[1]!.files.clear();
  await three.append(1);
  await settle();
  await three.append(2);
  await three.ledger.advance();
  assert.deepEqual(three.states[0], ["whole", "behind", "whole"]);
  assert.deepEqual(three.conditions, ["writable", "missing", "writable"]);
});

test("C1: quorum: where others sealed two members nothing is answered", async () => {
  const three = await threeDisks();
  await three.append(0);
  await settle();
  const [entry] = three.store.table.entries.values();
  const { store, disks } = three.store.disks;
  for (const { id, members } of disks.slice(0, 2)) {
    const member = await members.open(expectedHeaderOf(store, id, entry!));
    assert.ok(member !== "absent" && !("doubt" in member));
    await member.seal(1 + (2 as SessionId));
    await member.close();
  }
  await assert.rejects(three.append(1), { code: "fenced" });
  await three.ledger.advance();
  assert.equal(three.rows[0]?.state, "open", "what becomes of it is their business");
});
