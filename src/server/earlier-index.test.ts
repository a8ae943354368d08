import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { readRow } from "../engine/engine.ts";
import { bytesOf, ChangeMaker } from "../engine/suite/rows.suite.ts";
import { IndexSnapshots } from "../control/index-snapshots.ts";
import { createLoggedEngine } from "../engine/logged-engine.ts";
import { logWriterOf } from "../extent/testing/log-writer.ts";
import { settle } from "../extent/testing/manual-clock.ts";
import { makeFirstRows } from "../keymap/first-rows.ts";
import { TestStore } from "../extent/testing/test-store.ts";
import {
  copyOn,
  decodeExtentRow,
  encodeExtentRow,
  type ExtentRow,
  firstLayout,
} from "../format/extent-row.ts";
import { type DiskId, type ExtentId, idOfText, type SessionId } from "../format/ids.ts";
import { encodeRestoreWindowRow } from "../format/restore-window-row.ts";
import {
  counterKey,
  extentKey,
  ownerKey,
  restoreWindowKey,
  shortExtentKey,
} from "../format/row-keys.ts";
import { decodeCounterRow, encodeCounterRow } from "../format/system-rows.ts";
import { createHash } from "../node/platform/hash.ts";
import { keepWhatIs, LaterExtents, placedAs, requireInWindow } from "./earlier-index.ts";

const hash = createHash();
const disks = ["a", "b", "c", "d"].map((digit) => idOfText<DiskId>(digit.repeat(32)));
const [a, b, c, d] = disks as [DiskId, DiskId, DiskId, DiskId];

const open: ExtentRow = {
  state: "open",
  scheme: { kind: "replicated", copies: 2, quorum: 1 },
  members: [copyOn(a), copyOn(b)],
  epoch: 1,
  session: 7 as SessionId,
  storageClass: "STANDARD",
  bucketScheme: undefined,
  createdMs: 1000,
  sealedMs: 0,
  length: 0,
  deadBytes: 0,
  droppedMs: 0,
  ...firstLayout,
};
const settled: ExtentRow = { ...open, state: "reconciled", length: 9000, sealedMs: 2000, epoch: 2 };
const coded: ExtentRow = {
  ...settled,
  scheme: { kind: "coded", code: "rs", data: 1, parity: 1 },
  members: [copyOn(c), copyOn(d)],
  layout: 1,
  leaving: [{ layout: 0, scheme: open.scheme, member: 0, disk: a }],
  leavingMs: 3000,
};

test("an earlier index: an extent is as far as it was, and where it is", () => {
  const reconciled = { ...settled, deadBytes: 100 };
  const now = { ...coded, state: "dropping", deadBytes: 9000, droppedMs: 5000 } as const;
  assert.deepEqual(placedAs(reconciled, now), { ...coded, deadBytes: 100 });
  const reopened = placedAs(open, now);
  assert.equal(reopened.state, "sealed", "it was open, and has its final length now");
  assert.deepEqual([reopened.length, reopened.sealedMs, reopened.layout], [9000, 2000, 1]);
  assert.equal(placedAs(open, { ...open, epoch: 5 }).epoch, 5);
  assert.equal(placedAs(reconciled, undefined), reconciled);
  assert.equal(placedAs(reconciled, { ...now, members: [] }), reconciled, "its files have gone");
});

test("an earlier index: places, ids and access are those of now; the rest is as it was", async () => {
  const { platform } = await TestStore.create(hash, 1);
  const changes = new ChangeMaker();
  const make = async (
    rows: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[],
  ) => {
    const engine = createMemoryEngine();
    for (const row of rows) await engine.commit(changes.put(row));
    return engine;
  };
  const extent = (id: number, row: ExtentRow) => ({
    key: extentKey(id as ExtentId),
    value: encodeExtentRow(row),
  });
  const counter = (value: number) => ({
    key: counterKey("extents"),
    value: encodeCounterRow({ value }),
  });
  const owner = (name: string) => ({ key: ownerKey(bytesOf(name)), value: bytesOf(name) });
  const head = { key: Uint8Array.of(0x30, 1), value: bytesOf("an object") };
  const index = await make([extent(1, settled), extent(2, open), counter(2), owner("x"), head]);
  const short = { ...coded, members: [copyOn(c), { ...copyOn(d), state: "missing" as const }] };
  const newest = await make([extent(1, short), extent(3, open), counter(3), owner("y")]);
  const later = new LaterExtents();
  later.add({
    changes: [{ ...changes.put(extent(2, { ...settled, length: 77 })), deletes: [] }],
  });
  await keepWhatIs({ platform, index, newest, later });
  const row = async (id: number) => {
    const found = await readRow(index, extentKey(id as ExtentId));
    return found && decodeExtentRow(found.value);
  };
  assert.deepEqual(await row(1), { ...short, deadBytes: 0 });
  assert.notEqual(await readRow(index, shortExtentKey(1 as ExtentId)), undefined);
  assert.deepEqual([(await row(2))?.state, (await row(2))?.length], ["sealed", 77]);
  assert.equal(await row(3), undefined, "it was begun later: its files are kept as strays");
  const given = await readRow(index, counterKey("extents"));
  assert.equal(given && decodeCounterRow(given.value).value, 3);
  assert.equal(await readRow(index, ownerKey(bytesOf("x"))), undefined);
  assert.notEqual(await readRow(index, ownerKey(bytesOf("y"))), undefined);
  assert.deepEqual((await readRow(index, head.key))?.value, head.value);
});

test("C9: an index is restored only to a time of which all was kept", async () => {
  const store = await TestStore.create(hash, 3);
  const { platform, disks, clock } = store;
  const log = logWriterOf(hash, store, { writer: "00000000000000aa" });
  const rows = createMemoryEngine();
  const newest = createLoggedEngine(rows, log, hash);
  await makeFirstRows({ platform, engine: newest, engineName: "main", store: disks.store });
  const changes = new ChangeMaker();
  const put = async (key: Uint8Array, value: Uint8Array): Promise<void> => {
    await newest.commit(changes.put({ key, value }));
    await settle();
  };
  const asked = (toMs: number) => requireInWindow({ platform, newest, disks, toMs });
  await assert.rejects(asked(clock.now()), /nothing that was deleted is kept .*--restore-window/);
  const hour = 3_600_000;
  const sinceMs = clock.now();
  await put(restoreWindowKey(), encodeRestoreWindowRow({ windowMs: hour, sinceMs }));
  await clock.advance(60_000);
  const snapshots = new IndexSnapshots({ platform, index: newest, disks });
  snapshots.ask();
  while ((await snapshots.step()) === "busy");
  await settle();
  const snapshotMs = clock.now();
  await put(bytesOf("key"), bytesOf("value"));
  const why = /is not within the restore window: .* any time from 20\d\d-\S+Z to 20\d\d-\S+Z$/;
  await asked(snapshotMs);
  await assert.rejects(asked(snapshotMs - 1), why, "there is no snapshot from before");
  await assert.rejects(asked(clock.now() + 1), why);
  clock.setWall(2 * hour);
  await asked(snapshotMs + 1); // nothing was removed since the last commit
  await put(bytesOf("key"), bytesOf("another"));
  await assert.rejects(asked(snapshotMs + 1), why);
  await asked(clock.now() - hour);
});
